/** The error of the RTTs that the ICMP prober notes, against a capture of the same packets by tcpdump, at 5,000 echoes/s. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { EchoSession, joinEchoes } from '../../probes/net/echoes.ts'
import { quantile } from '../../probes/net/quantile.ts'
import { sockaddr } from '../../probes/net/sockaddr.ts'
import { startChild } from './child.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { figure, median } from './paired.ts'
import { type EchoSeen, parseEchoes, rttsByData } from './pcap.ts'
import { note, report } from './report.ts'
import { needTools } from './tools.ts'

const address = '127.0.0.1'
/** An echo without an RTT has no error either: were they more than 1 %, the p99 of all echoes could not be told. */
const bars = { medianUs: 20, p99Us: 200, withoutRttRatio: 0.01 }
const options = {
  echoes: { type: 'string', default: '50000' },
  rate: { type: 'string', default: '5000' },
  rounds: { type: 'string', default: '5' },
} as const

/** Sends echoes at a rate as the icmp probe does, and returns their RTTs in ms by index. Replies that never came are left out. */
const proberRtts = async (echoes: number, rate: number): Promise<Map<number, number>> => {
  const rtts = new Map<number, number>()
  const listener = { reply: (index: number, rttMs: number) => void rtts.set(index, rttMs), error: () => {} }
  const session = joinEchoes(4, {}, listener, echoes)
  if (!(session instanceof EchoSession)) throw new Error(`no echo socket: ${JSON.stringify(session)}`)
  try {
    const to = sockaddr(address)
    const start = performance.now()
    for (let sent = 0; sent < echoes; await sleep(1)) {
      const due = Math.min(echoes, Math.floor(((performance.now() - start) * rate) / 1000) + 1)
      session.look()
      for (; sent < due; sent++) session.send(to, sent, 56)
    }
    for (const until = performance.now() + 1000; rtts.size < echoes && performance.now() < until; ) await sleep(5)
    session.collect()
  } finally {
    session.leave()
  }
  return rtts
}

/** What tcpdump saw while `work` ran. Throws when the kernel dropped packets for want of capture buffer. */
const capture = async <T>(directory: string, work: () => Promise<T>): Promise<{ worked: T; echoes: EchoSeen[] }> => {
  const file = join(directory, 'lo.pcap')
  const what = ['-i', 'lo', '-n', '-s', '128', '-B', '65536', '--immediate-mode', '--time-stamp-precision=nano', '-w', file, 'icmp']
  const tcpdump = await startChild(['tcpdump', ...(process.getuid?.() === 0 ? ['-Z', 'root'] : []), ...what], 'listening on')
  try {
    const worked = await work()
    await sleep(300)
    await tcpdump.stop('SIGINT')
    if (!/\b0 packets dropped by kernel/.test(tcpdump.lines)) throw new Error(`tcpdump: ${tcpdump.lines}`)
    return { worked, echoes: parseEchoes(readFileSync(file)) }
  } finally {
    await tcpdump.stop('SIGKILL')
  }
}

/** One run: the prober's RTTs less the capture's. */
const measureErrors = async (directory: string, echoes: number, rate: number) => {
  const { worked, echoes: seen } = await capture(directory, () => proberRtts(echoes, rate))
  const captured = rttsByData(seen)
  // The data begins with the session, the same for all, and the index: big-endian words (probes/net/echo-socket.ts).
  const byIndex = new Map([...captured].map(([key, rttMs]) => [Buffer.from(key, 'latin1').readUInt32BE(4), rttMs]))
  const seenByBoth = [...worked].filter(([index]) => byIndex.has(index))
  if (seenByBoth.length < echoes * 0.99)
    throw new Error(`${seenByBoth.length} of ${echoes} echoes are in both: ${worked.size} replies, ${seen.length} packets`)
  const both = seenByBoth.filter(([, rttMs]) => !Number.isNaN(rttMs))
  const errorsUs = both.map(([index, rttMs]) => (rttMs - byIndex.get(index)!) * 1000)
  const sorted = errorsUs.map(Math.abs).sort((a, b) => a - b)
  const at = (q: number): number => quantile(sorted, q)
  const run = {
    compared: both.length,
    withoutRtt: seenByBoth.length - both.length,
    rttUs: { prober: median(both.map(([, rttMs]) => rttMs * 1000)), capture: median(both.map(([index]) => byIndex.get(index)! * 1000)) },
    biasUs: median(errorsUs),
    errorUs: { median: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) },
  }
  note(`${both.length} echoes, ${run.withoutRtt} without RTT: error median ${at(0.5).toFixed(2)} µs, p99 ${at(0.99).toFixed(2)} µs`)
  return JSON.parse(JSON.stringify(run, (_key, value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))) as typeof run
}

const capturePoints =
  'on lo, libpcap drops the outgoing copy, so each packet is seen once, as it is received: the request and the reply are stamped when the driver hands ' +
  'them to the receive path (netif_rx), which is also the stamp that SO_TIMESTAMPNS reports. The error is what lies between our note of the time and ' +
  'the request reaching that point: the system call, and whatever preempts it.'

await report(async () => {
  const tools = needTools('tcpdump')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [echoes, rate, rounds] = [Number(values.echoes), Number(values.rate), Number(values.rounds)]
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  try {
    const runs = []
    for (let round = 0; round < rounds; round++) runs.push(await measureErrors(directory, echoes, rate))
    const medianUs = figure(runs.map(run => run.errorUs.median))
    const p99Us = figure(runs.map(run => run.errorUs.p99))
    const withoutRttRatio = figure(runs.map(run => run.withoutRtt / (run.withoutRtt + run.compared)))
    const pass = medianUs.median <= bars.medianUs && p99Us.median <= bars.p99Us && withoutRttRatio.median <= bars.withoutRttRatio
    const what = `absolute error of the RTT, ${echoes} echoes to ${address} at ${rate}/s, per round`
    return { bench: 'icmp-rtt', machine: machine(tools), what, capturePoints, medianUs, p99Us, withoutRttRatio, bars, pass, runs }
  } finally {
    rmSync(directory, { recursive: true })
  }
})
