import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { renewalMs } from '../../../agent/controller/membership.ts'
import { Secret } from '../../../wire/secret.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { answerJson, credentialAnswer, problem, startFakeController, until } from './fake-controller.ts'
import { folderOf, joinText, member, self } from './following.ts'

t.test('a join token is shown once; the credential outlives the process, and needs no second proof', async t => {
  const controller = await startFakeController(t)
  const first = member(t, controller.url)
  const credential = await first.membership.held(first.stop)
  t.match(credential, { agentId: 'cluster/node-1', location: { region: 'us-east-1' } })
  t.match(controller.asked.enrol[0]!.body, {
    proof: { kind: 'join', token: joinText() },
    claimed: { cloud: 'aws', zone: 'us-east-1a', node: undefined },
    runner: false,
    details: { boot: 'b' },
  })
  const file = join(first.keep.directory, 'credential.json')
  t.equal(statSync(file).mode & 0o777, 0o600)
  await first.end()
  const second = member(t, controller.url, { folder: first.folder, joinToken: undefined })
  t.equal((await second.membership.held(second.stop))?.token.reveal(), 'credential-0')
  t.equal(controller.asked.enrol.length, 1)
  t.notMatch(JSON.stringify(first.said), /credential-0|cwj_/, 'no secret in the log')
  await second.end()
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 40))
  const third = member(t, controller.url, { folder: first.folder })
  await third.membership.held(third.stop)
  t.equal(controller.asked.enrol.length, 2, 'a torn file is none')
})

t.test('a credential is of one controller, and is shown to no other', async t => {
  const [ours, other] = [await startFakeController(t), await startFakeController(t)]
  const first = member(t, ours.url)
  await first.membership.held(first.stop)
  await first.end()
  const second = member(t, other.url, { folder: first.folder })
  await second.membership.held(second.stop)
  t.equal(other.asked.enrol.length, 1)
  t.equal(other.asked.renew.length, 0)
})

t.test('it is renewed around half of its life, spread over the fleet, and the new one is used', async t => {
  const life = { sinceMs: 0, untilMs: 3_600_000 }
  const renewals = Array.from({ length: 100 }, (_, i) => renewalMs(life, i / 100))
  t.ok(Math.min(...renewals) >= 1_620_000 && Math.max(...renewals) <= 1_980_000)
  t.ok(new Set(renewals).size > 90)
  const controller = await startFakeController(t, { lifeMs: 3_000 })
  const one = member(t, controller.url)
  await until(() => controller.asked.renew.length >= 2)
  t.equal(controller.asked.renew[0]!.headers.authorization, 'Bearer credential-0')
  t.equal(controller.asked.renew[1]!.headers.authorization, 'Bearer credential-1000')
  t.equal(controller.asked.enrol.length, 1)
  await until(() => one.membership.now()?.token.reveal() === 'credential-1001')
  t.equal(one.said.filter(({ message }) => message === 'enrolled').length, 1, 'which is no news')
})

t.test('the clock of this machine may be wrong by a day', async t => {
  const controller = await startFakeController(t)
  for (const offMs of [-86_400_000, 86_400_000]) {
    const one = member(t, controller.url, { nowMs: () => Date.now() + offMs })
    const credential = await one.membership.held(one.stop)
    const lifeMs = credential!.untilMs - credential!.sinceMs
    t.ok(lifeMs > 3_590_000 && lifeMs < 3_610_000, `${lifeMs}`)
  }
})

t.test('a refusal is said once, with what to do, and tried again; then it is let in', async t => {
  const controller = await startFakeController(t)
  const words = 'banned: cluster/node-1 was banned by ann: test'
  controller.on.enrol = (_asked, response, nth) => (nth < 4 ? problem(response, 403, words) : answerJson(response, credentialAnswer(nth)))
  const one = member(t, controller.url, { random: 0.0001 })
  await one.membership.held(one.stop)
  t.equal(controller.asked.enrol.length, 5)
  const errors = one.said.filter(({ level }) => level === 'error')
  t.equal(errors.length, 1)
  t.match(errors[0], { facts: { problem: /answered 403: banned: /, remedy: /lift the ban/ } })
})

t.test('what is not a decision is tried again: away, reset, hanging up half-way, garbage, 429, 503', async t => {
  const controller = await startFakeController(t)
  const whole = JSON.stringify(credentialAnswer(0))
  controller.on.enrol = ({ request }, response, nth) => {
    if (nth === 0) request.socket.resetAndDestroy()
    else if (nth === 1) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length })
      response.write(whole.slice(0, 20), () => request.socket.destroy())
    } else if (nth === 2) response.writeHead(200, { 'content-type': 'application/json' }).end('{"agentId":')
    else if (nth === 3) answerJson(response, { ...credentialAnswer(0), expiresAt: 'tomorrow' })
    else if (nth === 4) problem(response, 429, 'too many', { 'retry-after': '0' })
    else if (nth === 5) problem(response, 503, 'issuer_unreachable: away', { 'retry-after': '1' })
    else if (nth === 6) response.writeHead(200).end(Buffer.alloc(200_000, ' '))
    else answerJson(response, credentialAnswer(nth))
  }
  const startMs = performance.now()
  const one = member(t, controller.url)
  await one.membership.held(one.stop)
  t.equal(controller.asked.enrol.length, 8)
  t.ok(performance.now() - startMs >= 1_000, 'Retry-After was waited')
  t.equal(one.said.filter(({ level }) => level === 'error').length, 0)
})

t.test('a projected token is read anew each time', async t => {
  const folder = folderOf(t)
  const tokenFile = join(folder, 'token')
  const controller = await startFakeController(t)
  controller.on.enrol = (_asked, response, nth) => {
    writeFileSync(tokenFile, `token-${nth + 1}\n`)
    if (nth < 2) problem(response, 401, 'expired: the token')
    else answerJson(response, credentialAnswer(nth))
  }
  const one = member(t, controller.url, { tokenFile, random: 0.0001 })
  await until(() => controller.asked.enrol.length > 0 || one.said.length > 0)
  await one.membership.held(one.stop)
  t.same(
    controller.asked.enrol.map(({ body }) => body.proof),
    [
      { kind: 'join', token: joinText() },
      { kind: 'kubernetes', token: 'token-1' },
      { kind: 'kubernetes', token: 'token-2' },
    ],
    'and while it is not there yet, the join token is',
  )
})

t.test('a credential that the controller does not take any more is replaced by a proof', async t => {
  const controller = await startFakeController(t)
  const one = member(t, controller.url)
  const first = await one.membership.held(one.stop)
  one.membership.doubt(first!)
  t.equal(one.membership.now(), undefined)
  const second = await one.membership.held(one.stop)
  t.not(second!.token.reveal(), first!.token.reveal())
  one.membership.doubt(first!)
  t.equal(one.membership.now(), second, 'a late word about the old one changes nothing')
})

t.test('without a proof the old credential is tried again: a controller may change its mind', async t => {
  const controller = await startFakeController(t)
  const first = member(t, controller.url)
  await first.membership.held(first.stop)
  await first.end()
  controller.on.renew = (_asked, response, nth) =>
    nth < 2 ? problem(response, 401, 'credential_unknown: no') : answerJson(response, credentialAnswer(7))
  const one = member(t, controller.url, { folder: first.folder, joinToken: undefined, random: 0.0001 })
  one.membership.doubt((await one.membership.held(one.stop))!)
  t.equal((await one.membership.held(one.stop))?.token.reveal(), 'credential-7')
  t.match(
    one.said.filter(({ level }) => level === 'error'),
    [{ facts: { problem: /nothing to prove/, remedy: /join token/ } }],
  )
})

t.test('the authority that a join token names is the only one, and is kept', async t => {
  const [ours, theirs] = [await makeAuthority({ name: 'ours' }), await makeAuthority({ name: 'theirs' })]
  const leaf = await ours.issue({ addresses: ['127.0.0.1'] })
  const stolen = await theirs.issue({ addresses: ['127.0.0.1'] })
  const pin = createHash('sha256').update(new X509Certificate(ours.certPem).raw).digest('hex')
  const token = { joinToken: { text: new Secret(joinText(pin)) } }
  const good = await startFakeController(t, { tls: { cert: leaf.certPem + ours.certPem, key: leaf.keyPem } })
  const between = await startFakeController(t, { tls: { cert: stolen.certPem + ours.certPem, key: stolen.keyPem } })
  const other = await startFakeController(t, { tls: { cert: stolen.certPem + theirs.certPem, key: stolen.keyPem } })

  const one = member(t, good.url, token)
  await one.membership.held(one.stop)
  t.equal(new X509Certificate(readFileSync(join(one.keep.directory, 'ca.pem'))).subject, 'CN=ours')
  await one.end()
  const again = member(t, good.url, { folder: one.folder, joinToken: undefined })
  again.membership.doubt((await again.membership.held(again.stop))!)
  await until(() => good.asked.renew.length > 0)

  for (const [controller, words] of [
    [between, /certificate/],
    [other, /none is the authority that the join token names/],
  ] as const) {
    const two = member(t, controller.url, token)
    await until(() => two.said.some(({ facts }) => words.test(String(facts['problem']))))
    t.equal(controller.asked.enrol.length, 0, 'the token was not shown')
  }
  const unpinned = member(t, good.url)
  await until(() => unpinned.said.length > 0)
  t.match(unpinned.said, [{ level: 'warn', facts: { problem: /certificate/ } }], 'nor to one of an authority that nobody has named')
  t.equal(good.asked.enrol.length, 1)
})

t.test('an SVID is shown as the client certificate, and the controller is known by the authorities of its trust domain', async t => {
  const authority = await makeAuthority({ name: 'aws.test' })
  const leaf = await authority.issue({ addresses: ['127.0.0.1'] })
  const svid = await authority.issue({ uris: ['spiffe://aws.test/agent'] })
  const tls = { cert: leaf.certPem, key: leaf.keyPem, requestCert: true, rejectUnauthorized: false }
  const controller = await startFakeController(t, { tls })
  const shown: (string | undefined)[] = []
  controller.on.enrol = ({ request }, response, nth) => {
    shown.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname)
    answerJson(response, credentialAnswer(nth))
  }
  const readSvid = async () => ({ certPem: svid.chainPem, keyPem: svid.keyPem, caPem: authority.certPem })
  const one = member(t, controller.url, { spiffe: true, readSvid })
  await one.membership.held(one.stop)
  t.same(shown, ['URI:spiffe://aws.test/agent'])
  t.match(controller.asked.enrol[0]!.body.proof, { kind: 'spiffe', token: undefined })
  const without = member(t, controller.url, { spiffe: true, readSvid: async () => undefined })
  await until(() => without.said.length > 0)
  t.match(without.said, [{ level: 'warn', facts: { problem: /no SVID to present/ } }])
})

t.test('with a good credential the controller is reached without an SVID, by the authorities that came with the last one', async t => {
  const authority = await makeAuthority({ name: 'aws.test' })
  const leaf = await authority.issue({ addresses: ['127.0.0.1'] })
  const svid = await authority.issue({ uris: ['spiffe://aws.test/agent'] })
  const tls = { cert: leaf.certPem, key: leaf.keyPem, requestCert: true, rejectUnauthorized: false }
  const controller = await startFakeController(t, { tls, lifeMs: 3_000 })
  const shown: (string | undefined)[] = []
  controller.on.renew = ({ request }, response, nth) => {
    shown.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname)
    answerJson(response, credentialAnswer(1000 + nth))
  }
  const identity = { certPem: svid.chainPem, keyPem: svid.keyPem, caPem: authority.certPem }
  const first = member(t, controller.url, { spiffe: true, joinToken: undefined, readSvid: async () => identity })
  await first.membership.held(first.stop)
  await first.end()
  const away = async () => {
    throw new Error('the Workload API is away')
  }
  const second = member(t, controller.url, { folder: first.folder, spiffe: true, joinToken: undefined, readSvid: away })
  await until(() => second.given.length > 0)
  t.equal(controller.asked.enrol.length, 1)
  t.same(shown, [undefined], 'renewed by the credential alone')
  second.membership.doubt(second.given.at(-1)!)
  await until(() => second.said.length > 0)
  t.match(second.said, [{ level: 'warn', facts: { problem: /the Workload API is away/ } }], 'a new proof needs it')
})

t.test('who this agent says that it is', async t => {
  const controller = await startFakeController(t)
  const folder = folderOf(t)
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'x')
  const whole = { ...self, cloud: 'aws', region: 'r', zone: 'z', cluster: 'c', node: 'n' }
  const claims: unknown[] = []
  for (const more of [{}, { tokenFile }, { spiffe: true, joinToken: undefined }]) {
    const one = member(t, controller.url, { self: whole, ...more })
    await one.membership.held(one.stop)
    claims.push(controller.asked.enrol.at(-1)!.body.claimed)
  }
  t.same(claims, [
    { cloud: 'aws', region: 'r', zone: 'z' },
    { cloud: 'aws', region: 'r', zone: 'z', cluster: 'c' },
    { cloud: 'aws', region: 'r', zone: 'z', cluster: 'c', node: 'n' },
  ])
})
