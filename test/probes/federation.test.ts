/** What may be in the place of a token, an issuer, a file or a cloud, and is none of them: each is told for what it is, and nothing is shown to whom it is not for. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompactSign } from 'jose'
import t from 'tap'
import { allowBy } from '../../agent/gate.ts'
import { parsePolicy } from '../../judge/policy-file.ts'
import type { Allow } from '../../probes/allow.ts'
import type { Resolved } from '../../probes/finding.ts'
import { runProbe } from '../../probes/index.ts'
import type { Options } from '../../wire/options.ts'
import type { Cloud } from '../../wire/options-federation.ts'
import { type Said, startCloudServer } from '../servers/cloud-http.ts'
import { account, audienceFor, clientId, providerOf, role, startWorld, tenantId } from '../servers/cloud-world.ts'
import type { IssuerFault } from '../servers/issuer.ts'
import { word } from './targets.ts'

const world = await startWorld()
t.teardown(() => world[Symbol.asyncDispose]())
const never = new AbortController().signal

const optionsFor = (cloud: Cloud): Partial<Options['federation']> => ({
  caFile: world.caFile,
  ...(cloud === 'aws' && { roleArn: role, endpoint: world.aws.url }),
  ...(cloud === 'azure' && { tenantId, clientId, endpoint: world.entra.url }),
  ...(cloud === 'gcp' && {
    provider: providerOf('gke'),
    serviceAccount: account,
    endpoint: world.google.url,
    iamEndpoint: world.google.url,
  }),
})
const run = (cloud: Cloud, options: Partial<Options['federation']>, allow?: Allow) =>
  runProbe('federation', { host: cloud } as Resolved, { ...optionsFor(cloud), ...options }, never, { allow })

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const soon = Math.floor(Date.now() / 1000) + 3600
const claims = { iss: world.issuers.eks.issuer, sub: 'system:serviceaccount:ml:predictor', aud: ['sts.amazonaws.com'], exp: soon }
const hmac = await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 1))

const noTokens: [name: string, text: string, detail: RegExp][] = [
  ['no JWT', 'hello', /has 1 parts/],
  ['a file of a megabyte', `${part({ alg: 'RS256' })}.${'A'.repeat(2 ** 20)}.AAAA`, /has \d+ bytes/],
  ['a token with alg none', `${part({ alg: 'none' })}.${part(claims)}.`, /alg is "none"/],
  ['a token signed with a shared secret', hmac, /alg is "HS256"/],
  ['a token without a subject', `${part({ alg: 'RS256' })}.${part({ ...claims, sub: undefined })}.AAAA`, /no sub/],
  ['a token without an end', `${part({ alg: 'RS256' })}.${part({ ...claims, exp: undefined })}.AAAA`, /no exp/],
  ['a token whose audience is a number', `${part({ alg: 'RS256' })}.${part({ ...claims, aud: 7 })}.AAAA`, /aud is neither/],
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----', /parts/],
]
for (const [name, text, detail] of noTokens)
  t.test(`${name} is no token, and no cloud sees it`, async t => {
    const before = world.aws.server.asked.length
    const result = await run('aws', { tokenFile: world.file('no-token', text) })
    t.equal(word(result.outcome), 'token_malformed')
    t.match(result.outcome, { detail })
    t.equal(world.aws.server.asked.length, before)
    t.notOk(JSON.stringify(result).includes(text.slice(0, 2000)) && text.length > 40, 'it is not repeated')
  })

t.test('an empty file has no token', async t => {
  t.equal(word((await run('aws', { tokenFile: world.file('no-token', '\n') })).outcome), 'token_missing')
})

t.test("a token signed by another's key is told from one whose key is not published", async t => {
  const forged = world.file('forged', await world.issuers.eks.forged({ audience: 'sts.amazonaws.com' }))
  const result = await run('aws', { tokenFile: forged })
  t.equal(word(result.outcome), 'signature_invalid')
  t.equal(result.measured.answer?.code, 'InvalidIdentityToken')
})

t.test('a list of audiences is as good as one, and worth a warning', async t => {
  const tokenFile = await world.tokenFile('eks', { audience: ['sts.amazonaws.com', 'vault'] })
  const result = await run('aws', { tokenFile })
  t.equal(word(result.outcome), 'ok')
  t.match(result.warnings, [{ code: 'audience_several' }])
})

t.test('a token that opens the cluster is shown to no cloud', async t => {
  const before = world.aws.server.asked.length
  const result = await run('aws', { tokenFile: await world.tokenFile('eks', { audience: world.issuers.eks.issuer }) })
  t.equal(word(result.outcome), 'audience_mismatch')
  t.match(result.outcome, { detail: /opens the cluster itself/ })
  t.equal(world.aws.server.asked.length, before)
})

const documents: [fault: IssuerFault, reason: string, detail: RegExp][] = [
  ['elsewhere', 'discovery_invalid', /is of "https:\/\/issuer\.example"/],
  ['trailing slash', 'discovery_invalid', /differ by the slash/],
  ['redirect', 'discovery_invalid', /redirected \(HTTP 302 to "https:\/\/login\.example/],
  ['loop', 'discovery_invalid', /redirected/],
  ['html', 'discovery_invalid', /is HTML/],
  ['huge', 'discovery_invalid', /more than 262144 bytes/],
  ['not found', 'issuer_unreachable', /HTTP 404/],
  ['keys missing', 'issuer_unreachable', /HTTP 404 from .*jwks/],
]
for (const [fault, reason, detail] of documents)
  t.test(`an issuer whose documents are wrong (${fault}) is named, beside what the cloud says of it`, async t => {
    world.issuers.gke.fail(fault)
    const result = await run('gcp', { tokenFile: await world.tokenFile('gke', { audience: audienceFor('gcp', 'gke') }) })
    world.issuers.gke.fail(undefined)
    t.equal(word(result.outcome), reason)
    t.equal(result.measured.local?.reason, reason)
    t.match(result.measured.local?.detail, detail)
    t.equal(result.measured.answer?.code, 'invalid_grant')
  })

t.test('an issuer that hangs takes its own time and not the whole run', async t => {
  world.issuers.gke.fail('hang')
  const result = await run('gcp', { tokenFile: await world.tokenFile('gke', { audience: audienceFor('gcp', 'gke') }), timeoutMs: 30_000 })
  world.issuers.gke.fail(undefined)
  t.equal(word(result.outcome), 'issuer_unreachable')
  t.equal(result.measured.answer?.code, 'invalid_grant', 'the cloud was asked all the same')
})

const files: [name: string, change: Record<string, unknown>, detail: RegExp][] = [
  ['an executable source', { credential_source: { executable: { command: 'touch /tmp/ran' } } }, /executable is refused/],
  ['a service account key', { type: 'service_account' }, /service account key/],
  ['a token URL in clear text', { token_url: 'http://sts.example/v1/token' }, /want https/],
  ['a source of another cloud', { credential_source: { environment_id: 'azure1' } }, /want aws1/],
]
for (const [name, change, detail] of files)
  t.test(`an external_account file with ${name} is refused`, async t => {
    const credentialsFile = world.externalAccount('gke', '/nowhere', change)
    const result = await runProbe('federation', { host: 'gcp' } as Resolved, { credentialsFile }, never)
    t.equal(word(result.outcome), 'config_invalid')
    t.match(result.outcome, { detail })
  })

t.test('a URL source on a metadata address is dialled where the local policy names it, and nowhere else', async t => {
  const url = 'http://169.254.169.254/metadata/identity/oauth2/token'
  const credentialsFile = world.externalAccount('gke', '', { credential_source: { url } })
  const allowWith = (text: string): Allow => {
    const policy = parsePolicy(text)
    if (!policy.ok) throw new Error(policy.problems.join())
    return allowBy(policy.value)
  }
  const ask = (allow: Allow) => runProbe('federation', { host: 'gcp' } as Resolved, { credentialsFile, timeoutMs: 300 }, never, { allow })
  t.match((await ask(allowWith('deny: []\n'))).outcome, { reason: 'target_denied', detail: /metadata service/ })
  const asked: string[] = []
  const named = allowWith('allow: [169.254.169.254]\n')
  await ask(dial => {
    asked.push(dial.address)
    return named(dial) ?? 'not in a test'
  })
  t.same(asked, ['169.254.169.254'])
  t.equal(named({ kind: 'federation', address: '169.254.169.254', port: 80 }), undefined)
})

const answers: [name: string, said: Said, reason: string][] = [
  ['HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: '<!doctype html><p>Please sign in' }, 'cloud_error'],
  ['nothing', { status: 200 }, 'cloud_error'],
  ['JSON where XML is wanted', { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }, 'cloud_error'],
  ['an error of no known form', { status: 400, body: 'no' }, 'cloud_error'],
  [
    'an error of a code that nobody knows',
    { status: 400, body: '<ErrorResponse><Error><Code>New</Code><Message>x</Message></Error></ErrorResponse>' },
    'cloud_error',
  ],
  ['a busy proxy', { status: 503, body: 'busy' }, 'cloud_error'],
  ['too many requests', { status: 429 }, 'throttled'],
]
for (const [name, said, reason] of answers)
  t.test(`a cloud that answers with ${name}`, async t => {
    const cloud = await startCloudServer(() => said)
    t.teardown(() => cloud.close())
    for (const one of ['aws', 'azure', 'gcp'] as const) {
      const tokenFile = await world.tokenFile('gke', { audience: audienceFor(one, 'gke') })
      const result = await run(one, { tokenFile, endpoint: cloud.url })
      t.equal(word(result.outcome), reason, `${one}: ${JSON.stringify(result.outcome)}`)
    }
    t.equal(cloud.asked.length, 3, 'one attempt each')
  })

t.test('a credential is asked for 15 minutes at most', async t => {
  const { asked } = world.aws.server
  await run('aws', { tokenFile: await world.tokenFile('eks') })
  t.equal(new URLSearchParams(asked.at(-1)!.body).get('DurationSeconds'), '900')
  await run('gcp', { tokenFile: await world.tokenFile('gke', { audience: audienceFor('gcp', 'gke') }) })
  t.match(JSON.parse(world.google.server.asked.at(-1)!.body), { lifetime: '300s' })
})

t.test('the token is read again for every run', async t => {
  const tokenFile = join(world.directory, 'renewed')
  writeFileSync(tokenFile, await world.issuers.eks.token({ issuedIn: -7200, expiresIn: -3600 }))
  t.equal(word((await run('aws', { tokenFile })).outcome), 'token_expired')
  writeFileSync(tokenFile, await world.issuers.eks.token())
  t.equal(word((await run('aws', { tokenFile })).outcome), 'ok')
})
