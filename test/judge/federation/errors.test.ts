import fc from 'fast-check'
import t from 'tap'
import { judgeRefusal, refusalRows } from '../../../judge/federation/errors.ts'
import { redact } from '../../../judge/federation/redact.ts'
import { isLike } from '../../../judge/federation/token.ts'
import { clouds } from '../../../wire/options-federation.ts'
import { failReasons } from '../../../wire/reasons.ts'

t.test('every row is found by its code and text, whatever stands around the text', async t => {
  for (const cloud of clouds)
    for (const { code, text, reason } of refusalRows[cloud]) {
      const before = refusalRows[cloud].find(row => row.code === code && (row.text === undefined || (text ?? '').includes(row.text)))
      t.equal(judgeRefusal(cloud, { status: 400, code, message: `… ${text ?? ''} …` }), before!.reason, `${cloud} ${code} ${text ?? ''}`)
      t.ok(failReasons.includes(reason))
    }
})

t.test('a text alone decides nothing', async t => {
  for (const cloud of clouds)
    for (const { text } of refusalRows[cloud])
      if (text) t.equal(judgeRefusal(cloud, { status: 400, code: 'Unheard', message: text }), 'cloud_error')
})

t.test('what the cloud itself broke on, and too many requests, are told by the status', async t => {
  t.equal(judgeRefusal('aws', { status: 503, code: 'AccessDenied', message: null }), 'cloud_error')
  t.equal(judgeRefusal('azure', { status: 429, code: '700213', message: null }), 'throttled')
})

t.test('words of a cloud keep issuers, subjects and identifiers, and lose what is secret', async t => {
  const issuer = 'https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE'
  const guid = '72f988bf-0000-4000-8000-2d7cd011db47'
  const said = `No provider for ${issuer}, subject system:serviceaccount:ml:predictor, tenant ${guid}`
  t.equal(redact(said), said)
  t.equal(
    redact(`Aks: https://eastus.oic.prod-aks.azure.com/${guid}/${guid}/`),
    `Aks: https://eastus.oic.prod-aks.azure.com/${guid}/${guid}/`,
  )
  t.equal(redact('token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl is bad'), 'token *** is bad')
  t.equal(redact('a secret-of-this-run-0123456789 b', ['secret-of-this-run-0123456789']), 'a *** b')
  t.equal(redact('one\u001b[31m\nline'), 'one [31m line')
  t.ok(redact('x y '.repeat(1000)).length <= 301)
})

t.test('no part of a secret of the run is left, wherever it stands', async () => {
  const secret = fc.array(fc.stringMatching(/^[\w-]{16,80}$/), { minLength: 1, maxLength: 3 }).map(parts => parts.join('.'))
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (text, before, after) => !redact(`${before} ${text} ${after}`, [text]).includes(text)),
  )
})

t.test('a pattern of subjects matches as StringLike does, in the time that the text takes', async t => {
  t.ok(isLike('system:serviceaccount:ml:*', 'system:serviceaccount:ml:predictor'))
  t.ok(isLike('system:serviceaccount:*:predictor', 'system:serviceaccount:ml:predictor'))
  t.ok(isLike('?b*', 'abc'))
  t.notOk(isLike('system:serviceaccount:ml:*', 'system:serviceaccount:ml2:predictor'))
  t.notOk(isLike('a', 'A'))
  const slow = isLike(`${'*a'.repeat(400)}b`, 'a'.repeat(5000))
  t.notOk(slow)
  const plain = fc.stringMatching(/^[ab*?]{0,6}$/)
  fc.assert(
    fc.property(plain, fc.stringMatching(/^[ab]{0,8}$/), (pattern, text) => {
      const wanted = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
      return isLike(pattern, text) === wanted
    }),
  )
})

t.test('a seventh digit of Entra says more of the same, and another code stays unknown', async t => {
  const judge = (code: string) => judgeRefusal('azure', { status: 401, code, message: null })
  t.equal(judge('7002138'), 'subject_mismatch')
  t.equal(judge('7002131'), 'subject_mismatch')
  t.equal(judge('7002119'), 'issuer_unknown')
  t.equal(judge('70022204'), 'cloud_error')
})
