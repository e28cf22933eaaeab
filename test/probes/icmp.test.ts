import t from 'tap'
import { type EchoesSeen, judgeIcmp } from '../../probes/icmp.ts'
import { probeIcmpBySystem } from '../../probes/icmp-system.ts'
import { EchoSocket, openEchoSocket } from '../../probes/net/echo-socket.ts'
import type { QueuedError } from '../../probes/net/mailbox.ts'
import { withDefaults } from '../../wire/options.ts'
import type { WarningCode } from '../../wire/reasons.ts'
import { needsPing } from './needs-ping.ts'
import { addressOf, run, word } from './targets.ts'

const skip = needsPing

for (const address of ['127.0.0.1', '::1']) {
  t.test(`${address}: every echo comes back, with plausible times`, { skip }, async t => {
    const { outcome, measured, warnings } = await run('icmp', addressOf(address), { count: 50, intervalMs: 1 })
    t.same(outcome, { kind: 'ok' })
    t.match(measured, { sent: 50, received: 50, lossRatio: 0, duplicates: 0, reordered: 0, ttl: 64, socket: /^(datagram|raw)$/ })
    const { min, p50, p95, p99, max } = measured.rttMs!
    t.ok(0 < min && min <= p50 && p50 <= p95 && p95 <= p99 && p99 <= max && max < 100, JSON.stringify(measured.rttMs))
    t.ok(measured.jitterMs! >= 0 && measured.jitterMs! < 100)
    t.same(warnings, [])
  })

  t.test(`${address}: as fast as they come back, of every size`, { skip }, async t => {
    for (const sizeBytes of [16, 17, 1472, 9000, 65_000]) {
      const { outcome, measured } = await run('icmp', addressOf(address), { count: 200, intervalMs: 0, sizeBytes })
      t.same(outcome, { kind: 'ok' }, `${sizeBytes} bytes`)
      t.match(measured, { sent: 200, received: 200 })
    }
  })

  t.test(`${address}: two runs at once, of which each has its own replies`, { skip }, async t => {
    const runs = await Promise.all([10, 20, 30].map(count => run('icmp', addressOf(address), { count, intervalMs: 2 })))
    t.same(
      runs.map(({ measured }) => [measured.sent, measured.received, measured.duplicates]),
      [
        [10, 10, 0],
        [20, 20, 0],
        [30, 30, 0],
      ],
    )
  })
}

t.test('echoes are sent at the pace asked for', { skip }, async t => {
  const { phasesMs } = await run('icmp', addressOf('127.0.0.1'), { count: 11, intervalMs: 20 })
  t.ok(phasesMs['total']! >= 198 && phasesMs['total']! < 3000, `${phasesMs['total']} ms`)
})

t.test('a run that its timeout cuts short tells of what was sent until then', { skip }, async t => {
  const { outcome, measured } = await run('icmp', addressOf('127.0.0.1'), { count: 1000, intervalMs: 20, timeoutMs: 200 })
  t.same(outcome, { kind: 'ok' })
  t.ok(measured.sent > 1 && measured.sent < 15 && measured.received >= measured.sent - 3, `${measured.received} of ${measured.sent}`)
})

t.test('more echoes than a sequence number has values', { skip }, async t => {
  const { measured } = await run('icmp', addressOf('127.0.0.1'), { count: 70_000, intervalMs: 0, timeoutMs: 20_000 })
  t.match(measured, { sent: 70_000, received: 70_000, duplicates: 0 })
})

t.test("the system's own program: a run that was stopped does not start it, and one that is missing is unsupported", async t => {
  const options = withDefaults('icmp', { count: 1 })
  const stopped = await probeIcmpBySystem(addressOf('127.0.0.1'), options, AbortSignal.abort())
  t.match(stopped, { outcome: { kind: 'unmeasured', reason: 'aborted' }, measured: { sent: 0, received: 0 } })
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  t.teardown(() => (process.env['PATH'] = path))
  const missing = await probeIcmpBySystem(addressOf('127.0.0.1'), options, new AbortController().signal)
  t.match(missing, { outcome: { kind: 'unmeasured', reason: 'unsupported' }, measured: { received: 0 } })
})

const [EPERM, ENOBUFS, EMSGSIZE, ENETUNREACH, EHOSTUNREACH] = [1, 105, 90, 101, 113]
const router = (type: number, code: number): QueuedError => ({
  errno: 113,
  origin: 2,
  type,
  code,
  info: 0,
  offender: '10.0.0.1',
  packet: Buffer.alloc(0),
  receivedNs: Number.NaN,
  ttl: -1,
  extensionsAt: 0,
})
const silent = { received: 0 }

/** Of 100 echoes; at most a tenth may be lost. */
const stories: [name: string, seen: Partial<EchoesSeen>, word: string, says: RegExp, warns?: WarningCode[]][] = [
  ['all come back', {}, 'ok', /^$/],
  ['one is lost', { received: 99 }, 'ok', /^$/, ['packet_loss']],
  ['as many are lost as may be', { received: 90 }, 'ok', /^$/, ['packet_loss']],
  ['one more is lost', { received: 89 }, 'packet_loss', /11 of 100 echoes lost \(11\.0 %\), at most 10\.0 % allowed/],
  ['some come twice and out of order', { duplicates: 2, reordered: 3 }, 'ok', /^$/, ['duplicates', 'reordered']],
  ['loss, and our own buffer was full', { received: 50, overflow: 60 }, 'local_resource', /dropped 60: raise net\.core\.rmem_max/],
  ['a little loss, and our own buffer was full', { received: 99, overflow: 1 }, 'local_resource', /1 of 100/],
  ['our buffer was full, and yet nothing of ours was lost', { overflow: 5 }, 'ok', /^$/],
  ['silence', silent, 'no_reply', /100 echoes sent to 192\.0\.2\.1, no reply/],
  [
    'a router says that the host is unreachable',
    { ...silent, error: router(3, 1) },
    'host_unreachable',
    /10\.0\.0\.1 answers ICMP type 3 code 1/,
  ],
  ['a router says that it is not allowed', { ...silent, error: router(3, 13) }, 'admin_prohibited', /want an echo reply from 192\.0\.2\.1/],
  ['a routing loop', { ...silent, error: router(11, 0) }, 'ttl_exceeded', /type 11/],
  ['a packet-too-big explains no silence', { ...silent, error: router(3, 4) }, 'no_reply', /no reply/],
  ['a router complained once, and the echoes came back', { error: router(3, 1) }, 'ok', /^$/],
  ['no route', { ...silent, sendErrno: ENETUNREACH }, 'network_unreachable', /ENETUNREACH/],
  ['nobody answers address resolution', { ...silent, sendErrno: EHOSTUNREACH }, 'host_unreachable', /EHOSTUNREACH/],
  ['a filter on this machine', { ...silent, sendErrno: EPERM }, 'local_permission', /EPERM: a filter on this machine/],
  ["larger than this machine's interface", { ...silent, sendErrno: EMSGSIZE }, 'local_mtu', /interface/],
  ['no buffers', { ...silent, sendErrno: ENOBUFS }, 'local_resource', /ENOBUFS/],
  ['some sends failed, and the others came back', { received: 95, sendErrno: ENOBUFS }, 'ok', /^$/, ['packet_loss']],
]

for (const [name, but, want, says, warns = []] of stories)
  t.test(`judged: ${name}: ${want}`, async t => {
    const seen: EchoesSeen = {
      sent: 100,
      received: 100,
      duplicates: 0,
      reordered: 0,
      ttl: 60,
      rtts: [],
      jitterSumMs: 0,
      sendErrno: 0,
      overflow: 0,
      socket: 'datagram',
      ...but,
    }
    const { outcome, warnings } = judgeIcmp(seen, addressOf('192.0.2.1'), withDefaults('icmp', {}))
    t.equal(word(outcome), want)
    t.match(outcome.kind === 'ok' ? '' : outcome.detail, says)
    t.same(
      warnings.map(({ code }) => code),
      warns,
    )
  })

t.test('judged: without a single echo nothing is known about the path', async t => {
  const none: EchoesSeen = {
    sent: 0,
    received: 0,
    duplicates: 0,
    reordered: 0,
    ttl: null,
    rtts: [],
    jitterSumMs: 0,
    sendErrno: 0,
    overflow: 0,
    socket: 'datagram',
  }
  t.match(judgeIcmp(none, addressOf('192.0.2.1'), withDefaults('icmp', {})).outcome, { kind: 'unmeasured', reason: 'local_resource' })
})

for (const address of ['127.0.0.1', '::1'])
  t.test(`${address}: a pinned flow keeps its identifier, run after run and for several runs at once`, { skip }, async t => {
    const identifier = 20_000 + (process.pid % 20_000)
    for (const sizeBytes of [16, 57, 3000]) {
      const runs = await Promise.all(
        [5, 10, 15].map(count => run('icmp', addressOf(address), { count, intervalMs: 1, identifier, sizeBytes, timeoutMs: 20_000 })),
      )
      for (const { outcome, measured } of runs)
        t.match([outcome, measured.sent - measured.received], [{ kind: 'ok' }, 0], `${sizeBytes} bytes`)
    }
  })

t.test('an identifier that another program holds is no failure of the target', { skip }, async t => {
  const identifier = 40_000 + (process.pid % 20_000)
  const held = openEchoSocket(4, { identifier })
  if (!(held instanceof EchoSocket)) throw new Error(JSON.stringify(held))
  if (held.mode === 'datagram') {
    const { outcome } = await run('icmp', addressOf('127.0.0.1'), { identifier, timeoutMs: 200 })
    t.match(outcome, { kind: 'unmeasured', reason: 'local_resource', detail: /identifier \d+ is in use/ })
  }
  held.close()
  t.equal(word((await run('icmp', addressOf('127.0.0.1'), { identifier, count: 1 })).outcome), 'ok')
})
