import fc from 'fast-check'
import t from 'tap'
import { diagnose, explainAll } from '../../../judge/diagnose/diagnose.ts'
import { settle, verdictOf } from '../../../judge/diagnose/verdict.ts'
import { causes, layerOfCause, layers } from '../../../wire/causes.ts'
import type { PathMtu, TlsMeasured, TlsStall } from '../../../wire/measured.ts'
import { failReasons, unmeasuredReasons, type WarningCode, warningTexts } from '../../../wire/reasons.ts'
import type { AnyResult, Kind, Outcome, Target } from '../../../wire/result.ts'
import { kinds } from '../../../wire/result.ts'
import * as seen from './seen.ts'

const detail = fc.string({ unit: fc.constantFrom(...'abc 019.:-=\u001b\n'), maxLength: 40 })
const failing: fc.Arbitrary<Outcome> = fc.record({ kind: fc.constant('fail' as const), reason: fc.constantFrom(...failReasons), detail })
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant({ kind: 'ok' as const }),
  failing,
  fc.record({ kind: fc.constant('unmeasured' as const), reason: fc.constantFrom(...unmeasuredReasons), detail }),
)
const number = fc.oneof(fc.constantFrom(0, 1, 5, 100, 1380, 1500, 9001), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const target: fc.Arbitrary<Target> = fc.constantFrom(
  seen.target,
  seen.target6,
  { host: 'payments.azure.example' },
  { host: 'fd00::5', port: 443 },
)
const date = fc.oneof(fc.constantFrom(seen.startedAt, seen.inMinutes(-5), seen.inMinutes(5), seen.inMinutes(1e6), ''), detail)

const path: fc.Arbitrary<PathMtu> = fc.record(
  {
    pathMtu: maybe(number),
    method: fc.constantFrom('icmp', 'mss_sweep', 'tcp_info', 'none'),
    signal: fc.constantFrom('packet_too_big', 'none'),
    signalFrom: detail,
    signalMtu: number,
    atLeast: fc.boolean(),
    tcpPacket: maybe(number),
    blackHole: fc.boolean(),
    clamped: fc.boolean(),
  },
  { requiredKeys: ['pathMtu', 'method', 'signal', 'atLeast', 'tcpPacket', 'blackHole', 'clamped'] },
)
const stall: fc.Arbitrary<TlsStall> = fc.record({
  direction: fc.constantFrom('forward', 'reverse'),
  flight: fc.constantFrom('client_hello', 'server_flight', 'client_flight'),
  bytesAcked: number,
  bytesReceived: number,
  retransmits: number,
  unacked: number,
  outOfOrder: number,
  sndMss: number,
})
const certificate = fc.record({
  subject: detail,
  issuer: fc.oneof(detail, fc.constant('CN=Zscaler')),
  notBefore: date,
  notAfter: date,
  sans: fc.array(detail),
})
const tlsMeasured: fc.Arbitrary<Partial<TlsMeasured>> = fc.record(
  {
    sni: maybe(detail),
    bytesReceived: number,
    chain: fc.array(
      certificate.map(given => seen.certificate(given)),
      { maxLength: 4 },
    ),
    verified: fc.boolean(),
    stall,
    alert: fc.nat(255),
    ladder: fc.array(
      fc
        .tuple(fc.constantFrom('small', 'post_quantum', 'large'), fc.boolean(), fc.option(stall, { nil: undefined }))
        .map(([hello, completed, stall]) => seen.step(hello as 'small', 1500, completed, { stall })),
    ),
  },
  { requiredKeys: [] },
)
const rtt = fc.record({ min: number, p50: number, p95: number, p99: number, max: number, stddev: number })
const answer = fc.record({ resolver: detail, addresses: fc.array(detail), latencyMs: number })

const udpDirection = fc.record({
  sent: maybe(number),
  received: maybe(number),
  lossRatio: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
  jitterMs: maybe(number),
  duplicates: maybe(number),
  reordered: maybe(number),
})

const measured: { [K in Kind]: fc.Arbitrary<object> } = {
  dns: fc.record({ name: detail, resolver: detail, answers: fc.array(answer) }, { requiredKeys: [] }),
  icmp: fc.record(
    { sent: number, received: number, lossRatio: fc.double({ min: 0, max: 1, noNaN: true }), rttMs: maybe(rtt) },
    { requiredKeys: [] },
  ),
  mtu: fc.record(
    { forward: path, reverse: path, recommendedMss: maybe(number), localMtu: maybe(number), echoMtu: maybe(number) },
    { requiredKeys: [] },
  ),
  tcp: fc.record(
    {
      synRttMs: maybe(number),
      synRetransmits: maybe(number),
      segmentsOut: maybe(fc.nat()),
      retransmits: maybe(number),
      retransmitRatio: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
      reverse: fc.record({ retransmits: fc.nat(), segmentsOut: fc.nat(), retransmitRatio: number, bytesSent: number }),
      control: fc.array(fc.record({ port: fc.nat(65535), accepted: fc.boolean() })),
    },
    { requiredKeys: [] },
  ),
  trace: fc.record(
    {
      reached: fc.boolean(),
      forwardHops: maybe(fc.integer({ min: 1, max: 255 })),
      returnHops: maybe(fc.integer({ min: 1, max: 255 })),
      loop: maybe(fc.array(detail, { maxLength: 4 })),
      flows: fc.array(
        fc.record({ id: maybe(number), route: fc.array(maybe(detail), { maxLength: 5 }), reached: fc.boolean(), hops: maybe(number) }),
        {
          maxLength: 4,
        },
      ),
    },
    { requiredKeys: [] },
  ),
  udp: fc.record({ forward: udpDirection, reverse: udpDirection, sent: number, received: number }, { requiredKeys: [] }),
  tls: tlsMeasured,
  mtls: fc.record(
    {
      peerId: maybe(detail),
      trustDomain: maybe(detail),
      ourId: maybe(detail),
      clientAuth: fc.constantFrom('accepted', 'rejected', 'unconfirmed', 'not_requested'),
      alert: fc.nat(255),
    },
    { requiredKeys: [] },
  ),
  http: fc.record(
    {
      url: detail,
      status: maybe(fc.integer({ min: 100, max: 599 })),
      rttMs: maybe(number),
      serverMs: maybe(number),
      serverTiming: fc.array(fc.record({ name: detail, durationMs: maybe(number) }), { maxLength: 3 }),
      requestAcked: maybe(fc.boolean()),
      retransmits: maybe(fc.nat(9)),
      traceId: detail,
    },
    { requiredKeys: [] },
  ),
  federation: fc.record(
    {
      cloud: maybe(fc.constantFrom('aws', 'azure', 'gcp')),
      token: maybe(fc.record({ issuer: maybe(detail), subject: maybe(detail), audiences: fc.array(detail, { maxLength: 2 }) })),
      wanted: fc.record({
        audiences: fc.array(detail, { maxLength: 2 }),
        roleArn: detail,
        clientId: detail,
        provider: detail,
        serviceAccount: detail,
      }),
      local: maybe(fc.record({ reason: fc.constantFrom(...failReasons), detail })),
      answer: maybe(fc.record({ endpoint: detail, code: maybe(detail), requestId: maybe(detail), correlationId: detail })),
      steps: fc.array(
        fc.record({ step: fc.constantFrom('token', 'signature', 'exchange'), verdict: fc.constantFrom('ok', 'fail'), detail }),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  ),
  bundle: fc.record({ url: detail, sequence: maybe(detail), httpStatus: maybe(number) }, { requiredKeys: [] }),
}

const warns: fc.Arbitrary<[WarningCode, string?][]> = fc.array(
  fc.tuple(fc.constantFrom(...(Object.keys(warningTexts) as WarningCode[])), detail),
  { maxLength: 3 },
)
const resultOf = (kind: Kind, outcomes: fc.Arbitrary<Outcome>): fc.Arbitrary<AnyResult> =>
  fc.record({ outcome: outcomes, measured: measured[kind], warns, target }).map(but => seen.builders[kind](but as never))
const resultsWith = (outcomes: fc.Arbitrary<Outcome>): fc.Arbitrary<AnyResult[]> =>
  fc.array(
    fc.constantFrom(...kinds).chain(kind => resultOf(kind, outcomes)),
    { maxLength: 8 },
  )

t.test('every failing result is explained by exactly one diagnosis', async () => {
  fc.assert(
    fc.property(resultsWith(failing), date, (results, startedAt) => {
      const explained = explainAll(results, { startedAt }).flatMap(({ explains }) => explains)
      return explained.length === results.length && results.every(result => explained.includes(result))
    }),
  )
})

t.test('whatever was seen, a diagnosis is complete: sentence, evidence, fix and next step, without a hole in the text', async t => {
  fc.assert(
    fc.property(resultsWith(outcome), date, (results, startedAt) => {
      for (const found of diagnose(results, { startedAt })) {
        const text = JSON.stringify(found)
        if (/undefined|NaN|Infinity|(?<!dev\/)\bnull\b/.test(text)) throw new Error(text)
        if (found.layer !== layerOfCause(found.cause) || !causes.includes(found.cause)) throw new Error(text)
        if (!/^\S.*\.$/s.test(found.summary) || found.evidence.length === 0 || found.next === '') throw new Error(text)
        if (found.evidence.some(fact => fact === '') || found.fixes.some(({ command }) => command === '')) throw new Error(text)
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('diagnoses of failures come in the order of the layers', async () => {
  fc.assert(
    fc.property(resultsWith(outcome), results => {
      const ranks = explainAll(results, { startedAt: seen.startedAt })
        .filter(({ explains }) => explains.length > 0)
        .map(({ diagnosis }) => layers.indexOf(diagnosis.layer))
      return ranks.every((rank, index) => index === 0 || ranks[index - 1]! <= rank)
    }),
  )
})

t.test('a failing verdict always has a diagnosis, and settling never makes a verdict worse', async () => {
  fc.assert(
    fc.property(resultsWith(outcome), fc.subarray([...kinds]), (results, asked) => {
      const verdict = verdictOf(results, asked)
      const settled = settle(results, asked)
      return (verdict !== 'fail' || diagnose(settled, { startedAt: seen.startedAt }).length > 0) && verdictOf(settled, asked) === verdict
    }),
  )
})

t.test('no lone failure of a service or a certificate is called a black hole', async t => {
  for (const reason of failReasons.filter(reason => !['mtu_black_hole'].includes(reason)))
    for (const kind of kinds) {
      const found = diagnose([seen.builders[kind]({ outcome: seen.fail(reason) })], { startedAt: seen.startedAt })
      t.ok(found.length > 0, `${kind} ${reason} is explained`)
      t.notOk(
        found.some(({ cause }) => cause === 'path_mtu_black_hole' || cause === 'mss_not_clamped'),
        `${kind} ${reason} is no black hole`,
      )
    }
})
