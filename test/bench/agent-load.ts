/**
 * An agent at work: `probe agent` with 1,000 paths once per second, half of one echo and half of one connect, beside an agent that has none and
 * the two exporters that do the same work: smokeping_prober for the echoes, blackbox_exporter with a scraper for the connects. Then 10,000 echoes
 * per second alone. All are scraped by the same hand every ten seconds.
 */
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addresses, checksOf } from './agent-checks.ts'
import { type AgentProcess, rssOf, startAgentProcess, sumOf } from './agent-process.ts'
import { startBlackbox } from './blackbox.ts'
import { startChild } from './child.ts'
import { cpuOfProcess } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { median } from './paired.ts'
import { note, report } from './report.ts'
import { startSmokeping } from './smokeping.ts'
import { needTools } from './tools.ts'

const server = fileURLToPath(new URL('programs/tcp-server.ts', import.meta.url))
const bars = { cores: 0.25, rssBytesAboveIdle: 30e6, lateP99Ms: 5, manyCores: 0.6 }
const warmUpMs = 20_000
/** With two cores the exporters, and what makes them work, leave an agent little: how much of the lateness is theirs? */
const aloneSeconds = 60
/** A page of 10,000 paths is large, and to ask for it every ten seconds is work that this benchmark makes. */
const unseenSeconds = 30
/** As long as a window: each scrape sees the quantiles of another one. */
const sampleEveryMs = 10_000
const [idlePort, busyPort] = [9464, 9465]

const options = {
  seconds: { type: 'string', default: '120' },
  paths: { type: 'string', default: '1000' },
  many: { type: 'string', default: '10000' },
  'many-seconds': { type: 'string', default: '60' },
} as const

type Sample = { rssBytes: number; lateP50Ms: number; lateP99Ms: number; loopP99Ms: number; load: number }

const quantileMs = (page: string, metric: string, q: string): number => sumOf(page, metric, `quantile="${q}"`) * 1000

const sampleOf = async (agent: AgentProcess): Promise<{ sample: Sample; page: string }> => {
  const page = await agent.scrape()
  const sample = {
    rssBytes: agent.rssBytes(),
    lateP50Ms: quantileMs(page, 'causeway_agent_schedule_delay_seconds', '0.5'),
    lateP99Ms: quantileMs(page, 'causeway_agent_schedule_delay_seconds', '0.99'),
    loopP99Ms: quantileMs(page, 'causeway_agent_loop_delay_seconds', '0.99'),
    load: loadavg()[0]!,
  }
  return { sample, page }
}

/** What the page says of the runs up to the last window that was closed. */
const countsOf = (page: string) => ({
  ok: sumOf(page, 'causeway_probe_runs_total', 'outcome="ok"'),
  failed: sumOf(page, 'causeway_probe_runs_total', 'outcome="fail"'),
  unmeasured: sumOf(page, 'causeway_probe_runs_total', 'outcome="unmeasured"'),
  skipped: sumOf(page, 'causeway_agent_runs_skipped_total'),
  echoesSent: sumOf(page, 'causeway_icmp_packets_total', 'direction="sent"') || sumOf(page, 'causeway_icmp_packets_total', '"sent"'),
  echoesReceived: sumOf(page, 'causeway_icmp_packets_total', '"received"'),
})

/** Watches an agent for some time; `others` are scraped too, and are asked for their CPU at both ends. */
const watch = async (agent: AgentProcess, seconds: number, others: { pid: number; scrape?: () => Promise<string> }[] = []) => {
  const pids = [agent.pid, ...others.map(({ pid }) => pid)]
  const start = performance.now()
  const before = pids.map(cpuOfProcess)
  const first = await sampleOf(agent)
  const samples: Sample[] = []
  let last = first
  for (let next = start + sampleEveryMs; performance.now() < start + seconds * 1000; next += sampleEveryMs) {
    await new Promise(resolve => setTimeout(resolve, Math.max(1, next - performance.now())))
    for (const { scrape } of others) await scrape?.()
    last = await sampleOf(agent)
    samples.push(last.sample)
    const { rssBytes, lateP99Ms, load } = last.sample
    note(
      `${Math.round((performance.now() - start) / 1000)} s: RSS ${(rssBytes / 1e6).toFixed(1)} MB, late p99 ${lateP99Ms.toFixed(2)} ms, load ${load}`,
    )
  }
  const tookUs = (performance.now() - start) * 1000
  const cores = pids.map((pid, i) => (cpuOfProcess(pid) - before[i]!) / tookUs)
  const [from, to] = [countsOf(first.page), countsOf(last.page)]
  const counts = Object.fromEntries(Object.entries(to).map(([name, n]) => [name, n - from[name as keyof typeof from]]))
  return { cores, samples, counts, seconds: tookUs / 1e6 }
}

const rounded = (value: number): number => Number(value.toPrecision(4))
const over = (samples: readonly Sample[], pick: (sample: Sample) => number) => ({
  median: rounded(median(samples.map(pick))),
  worst: rounded(Math.max(...samples.map(pick))),
})

const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, warmUpMs))

const measurePaths = async (paths: number, seconds: number) => {
  const half = paths / 2
  const listener = await startChild([process.execPath, server, '0.0.0.0'], '}\n')
  const { port } = JSON.parse(listener.lines) as { port: number }
  const targets = addresses(half)
  const smokeping = await startSmokeping(targets)
  const blackbox = await startBlackbox({ tcp: { prober: 'tcp', timeout: '5s' } })
  const kept = blackbox.keepProbing(
    'tcp',
    targets.map(address => `${address}:${port}`),
    1000,
  )
  const idle = await startAgentProcess({ config: {}, port: idlePort })
  const busy = await startAgentProcess({ config: checksOf({ icmp: targets, tcp: targets, port }), port: busyPort })
  try {
    await settle()
    note(`${paths} paths, for ${seconds} s`)
    const before = { ...kept.counts }
    const watched = await watch(busy, seconds, [smokeping, { pid: blackbox.pid }, idle])
    const probed = { good: kept.counts.good - before.good, bad: kept.counts.bad - before.bad }
    const idleRssBytes = idle.rssBytes()
    const peers = { smokeping: rssOf(smokeping.pid), blackbox: rssOf(blackbox.pid) }
    kept.stop()
    await Promise.all([blackbox.stop(), smokeping.stop()])
    note(`the same without the exporters, for ${aloneSeconds} s`)
    const alone = await watch(busy, aloneSeconds, [idle])
    const [ours = 0, smokepings = 0, blackboxs = 0, idles = 0] = watched.cores.map(rounded)
    const rss = over(watched.samples, sample => sample.rssBytes)
    const late = over(watched.samples, sample => sample.lateP99Ms)
    const aboveIdleBytes = rss.worst - idleRssBytes
    return {
      what: `${half} paths of one echo and ${half} of one connect, every second, for ${Math.round(watched.seconds)} s`,
      cores: { ours, idleAgent: idles, smokeping: smokepings, blackbox: blackboxs, bar: bars.cores },
      ratio: { toBothPeers: rounded(ours / (smokepings + blackboxs)) },
      rssBytes: {
        ...rss,
        idle: idleRssBytes,
        worstAboveIdle: aboveIdleBytes,
        ...peers,
        bar: bars.rssBytesAboveIdle,
      },
      lateP99Ms: { ...late, bar: bars.lateP99Ms },
      lateP50Ms: over(watched.samples, sample => sample.lateP50Ms),
      loopDelayP99Ms: over(watched.samples, sample => sample.loopP99Ms),
      load: over(watched.samples, sample => sample.load),
      counts: watched.counts,
      blackboxProbes: probed,
      withoutExporters: {
        seconds: Math.round(alone.seconds),
        cores: rounded(alone.cores[0]!),
        lateP99Ms: over(alone.samples, sample => sample.lateP99Ms),
        lateP50Ms: over(alone.samples, sample => sample.lateP50Ms),
        loopDelayP99Ms: over(alone.samples, sample => sample.loopP99Ms),
        load: over(alone.samples, sample => sample.load),
      },
      pass: { cpu: ours <= bars.cores, rss: aboveIdleBytes <= bars.rssBytesAboveIdle, late: late.median <= bars.lateP99Ms },
    }
  } finally {
    kept.stop()
    for (const one of [busy, idle, blackbox, smokeping, listener]) await one.stop()
  }
}

/** No drift: as many runs as seconds, and no later at the end than at the beginning. */
const measureMany = async (paths: number, seconds: number) => {
  const agent = await startAgentProcess({ config: checksOf({ icmp: addresses(paths), tcp: [] }), port: busyPort })
  try {
    await settle()
    note(`${paths} echoes per second, for ${seconds} s`)
    const { cores, samples, counts, seconds: took } = await watch(agent, seconds)
    const ours = rounded(cores[0]!)
    const [cpuUs, fromMs] = [agent.cpuUs(), performance.now()]
    await new Promise(resolve => setTimeout(resolve, unseenSeconds * 1000))
    const unseen = rounded((agent.cpuUs() - cpuUs) / ((performance.now() - fromMs) * 1000))
    const page = await agent.scrape()
    const { ok = 0, failed = 0, unmeasured = 0, skipped = 0, echoesSent = 0, echoesReceived = 0 } = counts
    const windows = Math.round((ok + failed + unmeasured) / paths / 10)
    return {
      what: `${paths} paths of one echo, every second, for ${Math.round(took)} s`,
      cores: { ours, withoutScrapes: unseen, bar: bars.manyCores },
      pageBytes: page.length,
      rssBytes: over(samples, sample => sample.rssBytes),
      lateP99Ms: {
        ...over(samples, sample => sample.lateP99Ms),
        first: rounded(samples[0]!.lateP99Ms),
        last: rounded(samples.at(-1)!.lateP99Ms),
      },
      lateP50Ms: over(samples, sample => sample.lateP50Ms),
      load: over(samples, sample => sample.load),
      counts,
      runsPerPathAndSecond: rounded((ok + failed + unmeasured) / paths / (windows * 10)),
      localLoss: echoesSent - echoesReceived + unmeasured,
      pass: { cpu: ours <= bars.manyCores, loss: echoesSent === echoesReceived && unmeasured === 0 && failed === 0, drift: skipped === 0 },
    }
  } finally {
    await agent.stop()
  }
}

await report(async () => {
  const tools = needTools('prometheus-smokeping-prober', 'prometheus-blackbox-exporter', 'setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [seconds, paths, many, manySeconds] = [values.seconds, values.paths, values.many, values['many-seconds']].map(Number) as [
    number,
    number,
    number,
    number,
  ]
  const thousand = paths > 0 ? await measurePaths(paths, seconds) : undefined
  const tenThousand = many > 0 ? await measureMany(many, manySeconds) : undefined
  return { bench: 'agent-load', machine: machine(tools), thousand, tenThousand }
})
