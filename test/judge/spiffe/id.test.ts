import fc from 'fast-check'
import t from 'tap'
import { isSameId, parseSpiffeId, parseTrustDomain, printSpiffeId } from '../../../judge/spiffe/id.ts'
import { matchAny, matchId, matchPathPrefix, matchTrustDomain } from '../../../judge/spiffe/match.ts'

const good = [
  'spiffe://example.org',
  'spiffe://example.org/workload',
  'spiffe://example.org/a/b/c',
  'spiffe://example..org/x',
  'spiffe://-example.org/x',
  'spiffe://ex_ample.org/x',
  'spiffe://1.2.3.4/x',
  'spiffe://td/.path',
  'spiffe://td/...',
  'spiffe://td/a_B-c.9',
  `spiffe://${'a'.repeat(255)}/x`,
  `spiffe://td/${'a'.repeat(2048 - 12)}`,
]
for (const text of good)
  t.test(`${text.slice(0, 40)} is an ID and prints back to itself`, async t => {
    const parsed = parseSpiffeId(text)
    t.match(parsed, { ok: true, warnings: [] })
    if (parsed.ok) t.equal(printSpiffeId(parsed.id), text)
  })

const wrong: [text: string, ...problems: RegExp[]][] = [
  ['', /is empty/],
  ['https://example.org/x', /does not begin with spiffe/],
  ['spiffe:/example.org/x', /no "\/\/"/],
  ['spiffe://', /no trust domain/],
  ['spiffe:///x', /no trust domain/],
  ['spiffe://example.org/', /ends with a slash/],
  ['spiffe://example.org//x', /empty segment/],
  ['spiffe://example.org/a//', /ends with a slash/, /empty segment/],
  ['spiffe://example.org/./x', /dot segment/],
  ['spiffe://example.org/x/..', /dot segment/],
  ['spiffe://example.org/%61', /path is percent-encoded/],
  ['spiffe://ex%61mple.org/x', /trust domain is percent-encoded/],
  ['spiffe://example.org/x?a=b', /query/],
  ['spiffe://example.org/x#f', /fragment/],
  ['spiffe://example.org?a#f', /query/, /fragment/],
  ['spiffe://user@example.org/x', /user name/],
  ['spiffe://example.org:8443/x', /has a port/],
  ['spiffe://[::1]/x', /IPv6/],
  ['spiffe://ex ample.org/x', /trust domain has " "/],
  ['spiffe://example.org/ü', /path has "ü"/],
  ['spiffe://\u212aube.org/x', /trust domain has/],
  ['spiffe://example.org/a\u0000b', /path has/],
  [`spiffe://${'a'.repeat(256)}/x`, /256 bytes/],
  [`spiffe://td/${'a'.repeat(2048 - 11)}`, /2049 bytes/],
  ['spiffe://user@ex*ample.org:1//a/../ö?q', /user/, /port/, /trust domain has "\*"/, /empty/, /dot/, /path has/, /query/],
]
for (const [text, ...problems] of wrong)
  t.test(`${JSON.stringify(text.slice(0, 50))} is refused with all its problems`, async t => {
    const parsed = parseSpiffeId(text)
    t.notOk(parsed.ok)
    if (parsed.ok) return
    t.equal(parsed.problems.length, problems.length, parsed.problems.join('; '))
    for (const problem of problems)
      t.ok(
        parsed.problems.some(one => problem.test(one)),
        String(problem),
      )
  })

t.test('case of scheme and trust domain is folded with a warning, that of the path is kept', async t => {
  const parsed = parseSpiffeId('SPIFFE://Example.ORG/Pay')
  t.match(parsed, { ok: true, id: { trustDomain: 'example.org', path: '/Pay' }, warnings: [{ code: 'non_canonical_spiffe_id' }] })
})

t.test('a trust domain is a name or an ID without a path', async t => {
  t.match(parseTrustDomain('example.org'), { ok: true, trustDomain: 'example.org' })
  t.match(parseTrustDomain('spiffe://example.org'), { ok: true, trustDomain: 'example.org' })
  t.match(parseTrustDomain('Example.org'), { ok: true, trustDomain: 'example.org', warnings: [{ code: 'non_canonical_spiffe_id' }] })
  for (const text of ['', 'spiffe://', 'spiffe://td/x', 'td/', 'td:1', 'a b', 'a'.repeat(256), 'a'.repeat(5000)])
    t.notOk(parseTrustDomain(text).ok, text)
})

const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter(one => one !== '.' && one !== '..')
const validId = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/), fc.array(segment, { maxLength: 6 }))
  .map(([domain, path]) => `spiffe://${domain}${path.map(one => `/${one}`).join('')}`)
const odd = fc.string({
  unit: fc.constantFrom('spiffe://', '/', '.', '..', '%2f', '@', ':', '?', '#', 'a', 'Z', 'ü', '[', '\ud800', '\u0000'),
  maxLength: 30,
})

t.test('every ID that is accepted prints back to itself', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        validId,
        odd,
        odd.map(one => `spiffe://td${one}`),
      ),
      text => {
        const parsed = parseSpiffeId(text)
        if (!parsed.ok) return parsed.problems.length > 0
        const printed = printSpiffeId(parsed.id)
        const again = parseSpiffeId(printed)
        const canonical = printed === text
        return (
          again.ok &&
          isSameId(again.id, parsed.id) &&
          !again.warnings.length &&
          canonical === !parsed.warnings.length &&
          printed.length === text.length
        )
      },
    ),
    { numRuns: 3000 },
  )
})

t.test('every text that follows the grammar is accepted', async () => {
  fc.assert(fc.property(validId, text => parseSpiffeId(text).ok))
})

t.test('no text makes a parser throw', async () => {
  fc.assert(
    fc.property(fc.oneof(odd, fc.string({ unit: 'binary' })), text => [parseSpiffeId(text), parseTrustDomain(text)].length === 2),
    { numRuns: 2000 },
  )
})

t.test('matchers say what is wanted, and which part is another', async t => {
  const api = { trustDomain: 'a.test', path: '/ns/pay/sa/api' }
  t.equal(matchAny(api), undefined)
  t.equal(matchId(api)(api), undefined)
  t.match(matchId({ ...api, path: '/x' })(api), /another path/)
  t.match(matchId({ ...api, trustDomain: 'b.test' })(api), /want spiffe:\/\/b\.test.*another trust domain/)
  t.equal(matchTrustDomain('a.test')(api), undefined)
  t.match(matchTrustDomain('b.test')(api), /another trust domain/)
  t.equal(matchPathPrefix({ trustDomain: 'a.test', path: '/ns/pay' })(api), undefined)
  t.equal(matchPathPrefix({ trustDomain: 'a.test', path: '' })(api), undefined)
  t.match(matchPathPrefix({ trustDomain: 'a.test', path: '/ns/pa' })(api), /another path/)
})
