import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Sources } from '../../probes/finding.ts'
import { holdIdentities } from '../../probes/identity/held.ts'
import { runProbe } from '../../probes/index.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { daysFromNow } from '../servers/authority.ts'
import { startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../servers/workload-api.ts'
import { run, started, targetOf, word } from './targets.ts'

const ours = await makeTrustDomain('ours.test')
const theirs = await makeTrustDomain('theirs.test')
const folder = makeSvidFolder()
t.teardown(() => folder.remove())
const bundles = folder.bundle(theirs)
const client = folder.svid('client', await ours.issue({ path: '/client' }))
const codes = (warnings: readonly { code: string }[]) => warnings.map(({ code }) => code)

/** When the server has met so many connections. */
const met = async (server: { connections(): number | null }, count: number) => {
  while ((server.connections() ?? 0) < count) await wait(5)
}

t.test('a connection that is held stays on the old certificate, fresh ones get the new', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const running = run('mtls', targetOf(server), { ...client, bundles, holdMs: 600, holdEveryMs: 100 })
  await met(server, 2)
  server.serve(await theirs.issue({ path: '/server' }))
  const { outcome, measured, warnings, phasesMs } = await running
  t.equal(word(outcome), 'ok')
  t.strictSame(codes(warnings), [])
  const hold = measured.hold!
  t.equal(hold.failed, 0)
  t.ok(hold.fresh >= 2, `${hold.fresh} fresh ones`)
  t.not(hold.latest.serial, hold.held.serial)
  t.equal(hold.held.fingerprint256, measured.chain[0]?.fingerprint256)
  t.ok(hold.changedAfterMs! > 0 && hold.changedAfterMs! <= hold.heldMs)
  t.equal(hold.cut, undefined)
  t.ok(phasesMs['total']! >= 600)
})

t.test('a proxy that restarts cuts what is open: said with when, and whether fresh ones still work', async t => {
  const server = await started(t, startMtls('ends open connections when renewed', { domain: theirs, accepts: [ours] }))
  const running = run('mtls', targetOf(server), { ...client, bundles, holdMs: 60_000, holdEveryMs: 100 })
  await met(server, 2)
  server.serve(await theirs.issue({ path: '/server' }))
  const { outcome, measured, warnings } = await running
  t.equal(word(outcome), 'ok', 'fresh ones work')
  t.match(warnings, [
    { code: 'held_connection_cut', detail: /^after \d+ ms the server closed it; \d+ fresh connections beside it, 0 failed$/ },
  ])
  t.ok(measured.hold!.cut!.afterMs < 10_000)
  t.not(measured.hold!.latest.serial, measured.hold!.held.serial, 'one more was made after the cut')
})

t.test('a rotation that breaks fresh connections is a failure, although the held one lives on', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const running = run('mtls', targetOf(server), { ...client, bundles, holdMs: 500, holdEveryMs: 100 })
  await met(server, 2)
  const stranger = await makeTrustDomain('theirs.test')
  server.serve(await stranger.issue({ path: '/server' }))
  const { outcome, measured, violations } = await running
  t.equal(word(outcome), 'untrusted_chain')
  t.ok(violations.length > 0)
  t.ok(measured.hold!.failed >= 1)
  t.equal(measured.hold!.cut, undefined)
})

t.test('a connection that outlives its certificate is worth a word', async t => {
  const svid = { notBefore: daysFromNow(-0.01), notAfter: new Date(Date.now() + 2000) }
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours], svid }))
  const running = run('mtls', targetOf(server), { ...client, bundles, holdMs: 2500, holdEveryMs: 2400 })
  await met(server, 1)
  server.serve(await theirs.issue({ path: '/server' }))
  const { outcome, warnings } = await running
  t.equal(word(outcome), 'ok')
  t.ok(codes(warnings).includes('held_certificate_expired'))
})

t.test('what cannot begin is not held, and a stop ends it at once', async t => {
  const server = await started(t, startMtls('Node', { domain: theirs, accepts: [theirs] }))
  const refused = await run('mtls', targetOf(server), { ...client, bundles, holdMs: 60_000 })
  t.equal(word(refused.outcome), 'client_cert_rejected_silent')
  t.equal(refused.measured.hold, undefined)

  const good = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const stop = new AbortController()
  const running = run('mtls', targetOf(good), { ...client, bundles, holdMs: 60_000, holdEveryMs: 100 }, stop.signal)
  await met(good, 2)
  stop.abort()
  const stopped = await running
  t.equal(word(stopped.outcome), 'aborted')
  t.ok(stopped.measured.hold!.fresh >= 0, 'what was seen until then')
})

t.test('an identity that is held is asked for once, and each rotation is visible to the next probe', async t => {
  const api = await started(t, startWorkloadApi(stateOf(ours, [await ours.issue({ path: '/0' })], [theirs])))
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const stop = new AbortController()
  const held = holdIdentities(stop.signal)
  const sources: Sources = { identity: held.open }
  const ask = () => runProbe('mtls', targetOf(server), { workloadApi: api.address }, stop.signal, { sources })
  t.match((await ask()).measured, { ourId: 'spiffe://ours.test/0', verified: true, clientAuth: 'accepted' })
  const calls = api.calls()
  for (let i = 1; i <= 20; i++) {
    api.rotate(stateOf(ours, [await ours.issue({ path: `/${i}` })], [theirs]))
    // The stream is another connection of this process: what it brings is read before a handshake is over.
    const until = performance.now() + 2000
    let seen = (await ask()).measured.ourId
    while (seen !== `spiffe://ours.test/${i}` && performance.now() < until) seen = (await ask()).measured.ourId
    t.equal(seen, `spiffe://ours.test/${i}`)
  }
  t.equal(api.calls(), calls, 'streams that were open already')
  const files = { ...client, bundles }
  t.equal(held.open({ cert: files.certFile }), held.open({ cert: files.certFile }), 'one reader per choice')
  stop.abort()
  await held.ended()
  while (api.streams() > 0) await wait(5)
  t.pass('closed when the holder ends')
})

t.test('files that are held and go bad leave the last good identity in use; a run that holds nothing says what is wrong', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const stop = new AbortController()
  const sources: Sources = { identity: holdIdentities(stop.signal).open }
  const files = folder.svid('renewed', await ours.issue({ path: '/before' }))
  const options = { ...files, bundles }
  const ask = (held?: Sources) => runProbe('mtls', targetOf(server), options, stop.signal, { sources: held })
  const ourIdOf = async (held?: Sources) => (await ask(held)).measured.ourId
  t.equal(await ourIdOf(sources), 'spiffe://ours.test/before')
  folder.write('renewed.pem', 'half a certif')
  t.equal(await ourIdOf(sources), 'spiffe://ours.test/before')
  t.match((await ask()).outcome, { kind: 'unmeasured', reason: 'config_invalid' })
  folder.svid('renewed', await ours.issue({ path: '/after' }))
  t.equal(await ourIdOf(sources), 'spiffe://ours.test/after')
  t.equal(await ourIdOf(), 'spiffe://ours.test/after')
  stop.abort()
})

t.test('an agent that is away when a check begins is found when it comes', async t => {
  const api = await started(t, startWorkloadApi(stateOf(ours, [await ours.issue({ path: '/late' })], [theirs])))
  await api.disappear()
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const held = holdIdentities(stop.signal)
  const ask = () => runProbe('mtls', targetOf(server), { workloadApi: api.address }, stop.signal, { sources: { identity: held.open } })
  t.match((await ask()).outcome, { kind: 'unmeasured', reason: 'local_svid_unavailable', detail: /no such file/ })
  await api.appear()
  const since = performance.now()
  while ((await ask()).outcome.kind !== 'ok' && performance.now() - since < 8000) await wait(20)
  t.ok(performance.now() - since < 5000, 'within 5 s')
  stop.abort()
  await held.ended()
})
