/** A healthy network is not a still one: an hour of jitter, a lost packet now and then, segments sent again, and slow minutes of single paths. Nobody is told of any of it. */
import t from 'tap'
import type { Cell } from '../../../controller/history/aggregate.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { outboxSize } from '../../../controller/store/outbox.ts'
import { histogramOf } from '../../../wire/histogram.ts'
import { seeded } from '../../sim-mesh/random.ts'
import { openStage, openStore, type Play, settle, touchAll } from './script.ts'

const ticks = 360
const fleetText = `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }, { name: mtu, kind: mtu, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp, mtu], policy: full }]
links: [{ from: aws/us-east-1, to: azure/eastus, objective: { availability: 99, p95: 200ms } }]
alerts: { receivers: [{ name: hook, type: webhook, url: "http://127.0.0.1:1/" }], routes: [{ to: [hook] }] }
`
const chance = seeded(17)
/** A normal variable, by Box and Muller. */
const normal = (): number => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance())
/** Some 40 ms, seldom twice that: log-normal, as networks have it. */
const usualMs = 40
const rttSeconds = (): number => (usualMs * Math.exp(0.25 * normal())) / 1000
const histograms = Array.from({ length: 64 }, () => histogramOf(Array.from({ length: 20 }, rttSeconds)))
/** Three times as slow, for as long as a minute: a queue somewhere. */
const slow = histogramOf(Array.from({ length: 20 }, () => (3 * usualMs) / 1000))

const cell = (key: string, form: 'sum' | 'times', value: Cell['value'], ...variant: string[]): Cell => ({
  column: { key, form, variant },
  value,
})

const play: Play = ({ check }) => {
  if (check === 'mtu') return { ok: 1, mtu: [1500, 1500] }
  if (check === 'tcp') {
    if (chance() < 0.002) return { fail: 1, reason: 'tcp_timeout' }
    const again = chance() < 0.05 ? 1 : 0
    return { ok: 1, cells: [cell('tcpSegments', 'sum', 24, 'forward'), cell('tcpRetransmits', 'sum', again, 'forward')] }
  }
  if (chance() < 0.002) return { fail: 1, reason: 'no_reply' }
  const lost = chance() < 0.005 ? 1 : 0
  const rtt = chance() < 0.01 ? slow : histograms[Math.floor(chance() * histograms.length)]!
  return {
    ok: 1,
    cells: [cell('rtt', 'times', rtt), cell('icmpPackets', 'sum', 20, 'sent'), cell('icmpPackets', 'sum', 20 - lost, 'received')],
  }
}

t.setTimeout(600_000)
t.test('an hour of a network that jitters and loses a packet now and then is told to nobody', async t => {
  const store = await openStore(t)
  await settle(store, fleetText)
  const stage = await openStage(store)
  stage.play.is = play
  const { evaluation, turn } = await stage.begin()
  for (stage.clock.tick = 1; stage.clock.tick <= ticks; stage.clock.tick++) {
    await touchAll(store, stage)
    await turn()
    // As the history has it, of paths that are measured.
    for (let path = 0; path < evaluation.paths.size; path++)
      if (evaluation.paths.labels[path]?.kind === 'icmp') evaluation.slow.setBase(path, (1.5 * usualMs) / 1000)
  }
  const events = await store.read(sql => readEvents(sql, 0, 1000))
  t.strictSame(
    events.filter(({ kind }) => kind.startsWith('incident_')).map(({ body }) => body['title']),
    [],
  )
  t.equal((await store.read(outboxSize)).size, 0)
})
