import t from 'tap'
import type { TcpInfo } from '../../probes/net/tcp-info.ts'
import { type Watcher, watchForward, watchReverse } from '../../probes/sweep-watch.ts'
import { connected } from './tcp-connection.ts'

type Look = [atMs: number, but: Partial<TcpInfo>]

/** The same look every 10 ms, as a sweep looks. */
const every10 = (fromMs: number, toMs: number, but: Partial<TcpInfo>): Look[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / 10) + 1 }, (_, i) => [fromMs + 10 * i, but])

/** What the watcher says in the end, and when it ended the connection; the connection ends by itself where it never did. */
const watch = (watcher: Watcher, looks: Look[]): { passed: boolean | null; detail: string; atMs: number | undefined } => {
  for (const [atMs, but] of looks) if (watcher.ends({ ...connected, ...but }, atMs)) return { ...watcher.verdict(), atMs }
  return { ...watcher.verdict(), atMs: undefined }
}

const lost = (totalRetransmits: number, but: Partial<TcpInfo> = {}): Partial<TcpInfo> => ({ unacked: 4, totalRetransmits, ...but })

type Story = [name: string, looks: Look[], passed: boolean | null, from: number | undefined, to?: number]

const forward: Story[] = [
  ['a full segment is acknowledged', [...every10(10, 30, { unacked: 4 }), [40, { bytesAcked: 1449, unacked: 3 }]], true, 40],
  ['full segments are acknowledged selectively', [...every10(10, 30, { unacked: 4 }), [40, { sacked: 2, unacked: 4 }]], true, 40],
  ['all that was sent is acknowledged', [[10, { bytesAcked: 700, unacked: 0 }]], true, 10],
  [
    'one small one is acknowledged selectively, the full ones are sent again twice',
    [...every10(10, 200, lost(0)), ...every10(210, 400, lost(1, { sacked: 1 })), ...every10(410, 700, lost(2, { sacked: 1 }))],
    false,
    410,
    560,
  ],
  [
    'sent again once, and then acknowledged',
    [...every10(10, 200, lost(0)), ...every10(210, 230, lost(1)), [240, { bytesAcked: 1449, unacked: 3, totalRetransmits: 1 }]],
    true,
    240,
  ],
  ['sent again once, and the connection ends', every10(10, 600, lost(1)), null, undefined],
  [
    'sent again twice, and at once acknowledged',
    [...every10(10, 200, lost(1)), [210, lost(2)], [230, { bytesAcked: 1449, unacked: 3, totalRetransmits: 2 }]],
    true,
    230,
  ],
  ['nothing happens, and the connection ends', every10(10, 300, { unacked: 4 }), null, undefined],
]

for (const [name, looks, passed, from, to = from] of forward)
  t.test(`forward: ${name}: ${passed}`, async t => {
    const seen = watch(watchForward(connected), looks)
    t.equal(seen.passed, passed, seen.detail)
    if (from === undefined) t.equal(seen.atMs, undefined)
    else t.ok(seen.atMs! >= from && seen.atMs! <= to!, `at ${seen.atMs} ms`)
  })

const acked: Partial<TcpInfo> = { bytesAcked: 1542 }

const reverse: Story[] = [
  ['a full segment arrives', [...every10(10, 30, acked), [40, { ...acked, bytesReceived: 2896, rcvMss: 1448 }]], true, 40],
  [
    'smaller segments arrive, and the handshake is over',
    [...every10(10, 30, acked), [40, { ...acked, bytesReceived: 900, rcvMss: 536 }]],
    null,
    undefined,
  ],
  ['acknowledged, and nothing comes back', every10(10, 1500, acked), false, 810, 900],
  [
    'acknowledged, and the answer comes late but in time',
    [...every10(10, 700, acked), [710, { ...acked, bytesReceived: 2896, rcvMss: 1448 }]],
    true,
    710,
  ],
  ['segments behind a gap that is not filled', every10(10, 1500, { ...acked, outOfOrder: 2 }), false, 360, 450],
  [
    'a gap that is filled',
    [...every10(10, 300, { ...acked, outOfOrder: 2 }), [310, { ...acked, bytesReceived: 4000, rcvMss: 1448, outOfOrder: 2 }]],
    true,
    310,
  ],
  [
    'what we sent is not acknowledged: nothing is said of the way back',
    [...every10(10, 400, { unacked: 3 }), ...every10(410, 2000, { unacked: 3, totalRetransmits: 4 })],
    null,
    410,
  ],
  ['before our hello has left nothing is decided', every10(10, 2000, {}), null, undefined],
]

for (const [name, looks, passed, from, to = from] of reverse)
  t.test(`reverse: ${name}: ${passed}`, async t => {
    const seen = watch(watchReverse(connected, null), looks)
    t.equal(seen.passed, passed, seen.detail)
    if (from === undefined) t.equal(seen.atMs, undefined)
    else t.ok(seen.atMs! >= from && seen.atMs! <= to!, `at ${seen.atMs} ms`)
  })

t.test('reverse: a peer whose answer is known to be long and quick is believed silent sooner, and never later', async t => {
  const silence = every10(10, 2000, acked)
  const patient = watch(watchReverse(connected, null), silence)
  const quick = watch(watchReverse(connected, { bytes: 6000, afterMs: 20 }), silence)
  const slow = watch(watchReverse(connected, { bytes: 6000, afterMs: 5000 }), silence)
  const short = watch(watchReverse(connected, { bytes: 1000, afterMs: 20 }), silence)
  t.same(
    [patient, quick, slow, short].map(({ passed }) => passed),
    [false, false, false, false],
  )
  t.ok(quick.atMs! < patient.atMs! / 2, `${quick.atMs} and ${patient.atMs} ms`)
  t.equal(slow.atMs, patient.atMs)
  t.equal(short.atMs, patient.atMs, 'an answer of one packet may be lost by chance')
})

t.test('on a slow path more time is given', async t => {
  const slow = { ...connected, rttMs: 300 }
  t.ok(watch(watchReverse(slow, null), every10(10, 3000, acked)).atMs! >= 800 + 3 * 300)
  t.ok(watch(watchForward(slow), [...every10(10, 600, lost(1)), ...every10(610, 3000, lost(2))]).atMs! >= 610 + 1.5 * 300)
})

t.test('retransmissions of the SYN count for nothing', async t => {
  const after = { ...connected, totalRetransmits: 3 }
  const looks: Look[] = every10(10, 800, { unacked: 4, totalRetransmits: 4 })
  t.equal(watch(watchForward(after), looks).passed, null)
})
