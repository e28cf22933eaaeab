import t from 'tap'
import type { TcpInfo } from '../../probes/net/tcp-info.ts'
import { stallOf, stallWatch } from '../../probes/stall.ts'
import type { TlsStall } from '../../wire/measured.ts'
import { connected } from './tcp-connection.ts'

type Look = [atMs: number, but: Partial<TcpInfo>]

/** When the watch says that it has stalled, and how; undefined when it never does. */
const watch = (looks: Look[], from = connected): { atMs: number; stall: TlsStall } | undefined => {
  const look = stallWatch(from)
  for (const [atMs, but] of looks) {
    const stall = look({ ...from, ...but }, atMs)
    if (stall) return { atMs, stall }
  }
  return undefined
}

/** The same look every 50 ms. */
const every50 = (fromMs: number, toMs: number, but: Partial<TcpInfo>): Look[] =>
  Array.from({ length: (toMs - fromMs) / 50 + 1 }, (_, i) => [fromMs + 50 * i, but])

const lost = (totalRetransmits: number): Partial<TcpInfo> => ({ unacked: 2, totalRetransmits })

const stories: [name: string, looks: Look[], want: { from: number; to: number; direction: string; flight: string } | undefined][] = [
  ['a peer that is merely silent has not stalled', every50(10, 5000, { bytesAcked: 356 }), undefined],
  ['a peer that sent some bytes and is silent has not stalled', every50(10, 5000, { bytesAcked: 356, bytesReceived: 11 }), undefined],
  ['one retransmission may be chance', every50(10, 5000, lost(1)), undefined],
  ['two may be too', every50(10, 5000, lost(2)), undefined],
  [
    'our hello sent again three times and never acknowledged',
    [...every50(10, 200, lost(0)), ...every50(250, 600, lost(1)), ...every50(650, 1400, lost(2)), ...every50(1450, 1600, lost(3))],
    { from: 1400, to: 1550, direction: 'forward', flight: 'client_hello' },
  ],
  [
    'our last flight is lost, after the server answered',
    [
      ...every50(10, 100, { bytesReceived: 3000, bytesAcked: 356 }),
      ...every50(150, 400, { bytesReceived: 3000, bytesAcked: 356, ...lost(3) }),
    ],
    { from: 150, to: 400, direction: 'forward', flight: 'client_flight' },
  ],
  [
    'a gap in what the server sends that is never filled',
    [...every50(10, 60, { bytesAcked: 356 }), ...every50(110, 2000, { bytesAcked: 356, outOfOrder: 2 })],
    { from: 1500, to: 1750, direction: 'reverse', flight: 'server_flight' },
  ],
  [
    'a gap that is filled after a second',
    [...every50(10, 1200, { bytesAcked: 356, outOfOrder: 2 }), ...every50(1250, 2500, { bytesAcked: 356, bytesReceived: 3000 })],
    undefined,
  ],
  [
    'progress starts the wait anew',
    [
      ...every50(10, 1200, { bytesAcked: 356, outOfOrder: 1 }),
      ...every50(1250, 2600, { bytesAcked: 356, bytesReceived: 1448, outOfOrder: 2 }),
    ],
    undefined,
  ],
  [
    'loss that is repaired each time',
    [
      ...every50(10, 250, lost(1)),
      ...every50(300, 500, { ...lost(2), bytesAcked: 1449 }),
      ...every50(550, 700, { ...lost(3), bytesAcked: 2897 }),
      [750, { totalRetransmits: 4, bytesAcked: 4000 }],
    ],
    undefined,
  ],
]

for (const [name, looks, want] of stories)
  t.test(name, async t => {
    const seen = watch(looks)
    if (!want) {
      t.equal(seen, undefined)
      return
    }
    t.match(seen?.stall, { direction: want.direction, flight: want.flight })
    t.ok(seen && seen.atMs >= want.from && seen.atMs <= want.to, `at ${seen?.atMs} ms`)
  })

t.test('on a slow path more time is given', async t => {
  const slow = { ...connected, rttMs: 600 }
  const looks: Look[] = [...every50(10, 60, { bytesAcked: 356 }), ...every50(110, 3500, { bytesAcked: 356, outOfOrder: 2 })]
  t.equal(watch(looks, slow), undefined)
  t.ok(watch([...looks, ...every50(3550, 4200, { bytesAcked: 356, outOfOrder: 2 })], slow))
})

t.test('retransmissions of the SYN are not held against the handshake', async t => {
  const from = { ...connected, totalRetransmits: 3 }
  t.equal(stallOf({ ...from, unacked: 2 }, from), undefined)
  t.match(stallOf({ ...from, unacked: 2, totalRetransmits: 5 }, from), { retransmits: 2 })
})

t.test('the facts of a stall are what TCP knows', async t => {
  const stall = stallOf(
    { ...connected, unacked: 2, totalRetransmits: 4, bytesAcked: 1, bytesReceived: 0, outOfOrder: null, sndMss: 1368 },
    connected,
  )
  t.same(stall, {
    direction: 'forward',
    flight: 'client_hello',
    bytesAcked: 0,
    bytesReceived: 0,
    retransmits: 4,
    unacked: 2,
    outOfOrder: 0,
    sndMss: 1368,
  })
  t.equal(stallOf({ ...connected, bytesAcked: 0 }, undefined), undefined, 'nothing is lost')
  t.match(
    stallOf({ ...connected, unacked: 1, totalRetransmits: 1, outOfOrder: 3 }, connected),
    { direction: 'forward' },
    'our own loss is told first',
  )
})
