import fc from 'fast-check'
import t from 'tap'
import { headerProblems, isExpectedStatus, judgeRedirect, parseServerTiming, parseStatusRange, showUrl } from '../../judge/http.ts'

t.test('a status is one, a range, or a class', async t => {
  t.same(parseStatusRange('200'), { ok: true, value: { from: 200, to: 200 } })
  t.same(parseStatusRange('200-204'), { ok: true, value: { from: 200, to: 204 } })
  t.same(parseStatusRange('5xx'), { ok: true, value: { from: 500, to: 599 } })
  for (const bad of ['', '99', '600', '204-200', '2x', 'ok', '200-', '0200']) t.notOk(parseStatusRange(bad).ok, bad)
  const ranges = [
    { from: 200, to: 299 },
    { from: 404, to: 404 },
  ]
  t.same(
    [199, 200, 299, 300, 404].map(status => isExpectedStatus(status, ranges)),
    [false, true, true, false, true],
  )
})

t.test('headers that the probe needs for itself, or that are none, are problems by name', async t => {
  t.same(headerProblems({ authorization: 'Bearer x', 'X-Team': 'ünit'.normalize(), accept: 'a\tb' }), [])
  t.match(headerProblems({ HOST: 'a' }), [/header host is the probe's own/])
  t.match(headerProblems({ a: '1', A: '2' }), [/header a is given twice/])
  t.match(headerProblems({ 'a b': '1' }), [/"a b" is not the name/])
  t.match(headerProblems({ a: '1\n2' }), [/value of the header a has a character/])
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), value => {
      const isHarmless = headerProblems({ a: value }).length === 0
      return !isHarmless || !/[\r\n\0]/.test(value)
    }),
  )
})

t.test('Server-Timing is read as far as it is understood', async t => {
  t.same(parseServerTiming('db;dur=53.2, app;desc="a, b";dur="4", miss, ;dur=1, bad name;dur=1, x;dur=abc'), [
    { name: 'db', durationMs: 53.2 },
    { name: 'app', durationMs: 4 },
    { name: 'miss', durationMs: null },
    { name: 'x', durationMs: null },
  ])
  t.same(parseServerTiming(''), [])
  t.equal(parseServerTiming(Array.from({ length: 1000 }, (_, i) => `m${i}`).join(',')).length, 32)
  fc.assert(fc.property(fc.string(), text => parseServerTiming(text).every(({ name }) => name !== '')))
})

const from = new URL('https://svc.test/a/b')
t.test('a redirect leads where its Location says, as browsers read it', async t => {
  const to = (location: string): unknown => {
    const judged = judgeRedirect(302, location, from, 'GET')
    return typeof judged === 'string' ? judged : judged.url.href
  }
  t.equal(to('c'), 'https://svc.test/a/c')
  t.equal(to('/c?d'), 'https://svc.test/c?d')
  t.equal(to('//other.test/'), 'https://other.test/')
  t.equal(to('http://0x7f.1/'), 'http://127.0.0.1/', 'old spellings of an address become the address, which is judged')
  t.match(to('javascript:alert(1)'), /leads to "javascript:"/)
  t.match(to('https://user@other.test/'), /user name/)
  t.match(to('http://'), /no URL/)
  t.match(judgeRedirect(302, undefined, from, 'GET'), /without a Location/)
})

t.test('the method after a redirect', async t => {
  const after = (status: number, method: 'GET' | 'HEAD' | 'POST'): unknown => {
    const judged = judgeRedirect(status, '/', from, method)
    return typeof judged === 'string' ? judged : judged.method
  }
  t.same([after(301, 'POST'), after(302, 'POST'), after(303, 'POST')], ['GET', 'GET', 'GET'])
  t.same([after(307, 'POST'), after(308, 'POST'), after(303, 'HEAD'), after(301, 'HEAD')], ['POST', 'POST', 'HEAD', 'HEAD'])
  t.match(judgeRedirect(302, 'http://svc.test/', from, 'GET'), { sameOrigin: false, crossScheme: true })
  t.match(judgeRedirect(302, '/x', from, 'GET'), { sameOrigin: true, crossScheme: false })
})

t.test('a URL is shown without what may be secret in it', async t => {
  t.equal(showUrl(new URL('https://u:p@svc.test:8443/a?token=x#y')), 'https://svc.test:8443/a')
})
