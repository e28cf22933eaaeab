import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { type ResponderOptions, startResponder } from '../../../agent/responder/responder.ts'
import { buildWatch } from '../../../judge/watch/watch.ts'
import { type PathOptions, runPath } from '../../../probes/watch/run.ts'

const common = { address: '127.0.0.1', family: 4, sizeBytes: 100, timeoutMs: 1000, intervalMs: 5 } as const

/** Watches until `isEnough`, or for a minute. */
async function watchUntil(
  options: Omit<PathOptions, keyof typeof common> & Partial<PathOptions>,
  isEnough: (watch: ReturnType<typeof buildWatch>) => boolean,
) {
  const stop = AbortSignal.timeout(60_000)
  const enough = new AbortController()
  const { intervalMs, timeoutMs } = { ...common, ...options }
  const errors: string[] = []
  const watch = buildWatch({ intervalMs, timeoutMs }, () => isEnough(watch) && enough.abort())
  const listener = {
    ...watch,
    error: (text: string) => {
      errors.push(text)
      watch.error(text)
    },
    advance: (nowMs: number) => {
      watch.advance(nowMs)
      if (isEnough(watch)) enough.abort()
    },
  }
  const run = await runPath({ ...common, ...options }, listener, AbortSignal.any([stop, enough.signal]))
  watch.close()
  return { run, totals: watch.totals, errors }
}

const startUdp = (port = 0, options: Partial<ResponderOptions> = {}) =>
  startResponder({ agentId: 'agent-1', bind: ['127.0.0.1'], ports: { tcp: null, tls: null, mtls: null, udp: port }, ...options })

t.test('echoes of this machine are all answered, with their TTL', async t => {
  const { totals, run } = await watchUntil({ kind: 'icmp' }, ({ totals }) => totals.received >= 100)
  t.notOk('kind' in run, JSON.stringify(run))
  t.ok(totals.received >= 100 && totals.ttl === 64, JSON.stringify(totals))
  t.ok(totals.rtt.count >= 90 && totals.rtt.max < 1000)
})

t.test('connects to an open port are answered, and those that a port refuses too: the path is there', async t => {
  const server = net.createServer(socket => socket.on('error', () => {}).destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = await watchUntil({ kind: 'tcp', port }, ({ totals }) => totals.received >= 50)
  t.ok(open.totals.received >= 50)
  t.strictSame(open.errors, [])
  server.close()
  await once(server, 'close')
  const refused = await watchUntil({ kind: 'tcp', port }, ({ totals }) => totals.received >= 50)
  t.ok(refused.totals.received >= 50)
  t.match(refused.errors[0], /refuses connections/)
})

t.test('datagrams are answered by a responder; when it is gone that is an outage, and when it is back the outage has ended', async t => {
  let responder = await startUdp()
  const port = responder.ports.udp!
  let [isGone, isBack] = [false, false]
  const { totals } = await watchUntil({ kind: 'udp', port, timeoutMs: 300 }, ({ totals }) => {
    if (!isGone && totals.received >= 50) {
      isGone = true
      void responder.close()
    }
    if (isGone && !isBack && totals.current) {
      isBack = true
      void startUdp(port).then(other => (responder = other))
    }
    return totals.outageCount >= 1 && !totals.current
  })
  await responder.close()
  t.equal(totals.outageCount, 1)
  t.match(totals.outages, [{ responderForgot: true, error: /ICMP type 3 code 3/ }])
})

t.test('without a responder there is nothing to watch: said at once, as a failure', async t => {
  const responder = await startUdp()
  const port = responder.ports.udp!
  await responder.close()
  const { run } = await watchUntil({ kind: 'udp', port, timeoutMs: 100 }, () => false)
  t.match(run, { kind: 'fail', reason: 'no_reply', detail: /no responder answers at 127.0.0.1/ })
})

t.test('the rate is kept, and how late probes were is known', async t => {
  const started = performance.now()
  const { totals, run } = await watchUntil({ kind: 'icmp', intervalMs: 2, durationMs: 1000 }, () => false)
  t.ok(performance.now() - started < 30_000)
  // Where this machine was too busy probes are left out, and their time is known.
  t.ok(totals.sent <= 501 && totals.sent + totals.blindMs / 2 >= 400, `${totals.sent} sent, blind for ${totals.blindMs} ms`)
  t.ok('latenessMs' in run && run.latenessMs.count > 0)
})

t.test('a signal that has fired already ends it before anything is sent', async t => {
  const listener = { sent: () => t.fail('sent'), answered: () => {}, error: () => {}, blind: () => {}, advance: () => {} }
  const run = await runPath({ ...common, kind: 'icmp' }, listener, AbortSignal.abort())
  t.ok('startMs' in run)
})
