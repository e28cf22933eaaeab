/**
 * What `probe watch` costs at a thousand probes a second, by echoes, connects and datagrams over loopback: CPU, and how late its probes are. Then an hour of 3.6 million probes by
 * a clock that is moved by hand, with an outage a minute, through all that a watch remembers: is its memory flat?
 *   node test/bench/watch.ts [rounds=5] [seconds=8]
 * A machine that is busy makes every probe late: of the rounds the best one says what the program can do, and `load` what else there was.
 */
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { startResponder } from '../../agent/responder/responder.ts'
import { buildLineReport } from '../../cli/watch-report.ts'
import { buildWatch } from '../../judge/watch/watch.ts'
import type { WatchDocument } from '../../wire/watch.ts'
import { probe } from '../lab/probe-in.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { startChild } from './child.ts'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { figure } from './paired.ts'
import { note, report } from './report.ts'

const bars = { cores: 0.1, lateP99Ms: 5, hourGrowthBytes: 20e6 }
const [rounds = 5, seconds = 8] = process.argv
  .slice(2)
  .filter(word => /^\d+$/.test(word))
  .map(Number)
const self = fileURLToPath(import.meta.url)

/** What answers, in a process of its own: its CPU is not the watch's. */
const serve = async (): Promise<void> => {
  const responder = await startResponder({ agentId: 'bench', bind: ['127.0.0.1'], ports: { tcp: 0, udp: 0, tls: 0, mtls: 0 } })
  const sink = await tcpServers.sink()
  process.stdout.write(`ports ${sink.port} ${responder.ports.udp}\n`)
}

const watchOnce = (target: string, forS: number) => {
  const { cpuUs, stdout } = cpuOfRun([
    process.execPath,
    probe,
    'watch',
    target,
    '--rate',
    '1000',
    '--duration',
    `${forS}s`,
    '--no-look',
    '--output',
    'json',
  ])
  return { cpuUs, document: JSON.parse(stdout) as WatchDocument }
}

/** Of a long and a short run of one watch the difference is what the probes cost, without Node's start. */
const measure = (target: string) => {
  const [short, long] = [watchOnce(target, 1), watchOnce(target, 1 + seconds)]
  const { latenessMs, sent, lost, blindMs } = long.document
  return {
    cores: (long.cpuUs - short.cpuUs) / 1e6 / seconds,
    lateP99Ms: latenessMs?.p99 ?? Number.NaN,
    sent,
    lost,
    blindMs,
    load: loadavg()[0]!,
  }
}

const hourOfProbes = (): { rssBytes: number[]; outages: number } => {
  const sink = { isTTY: false, columns: 80, write: () => true } as unknown as NodeJS.WriteStream
  const told = buildLineReport('ndjson', { stdout: sink, stderr: sink, env: {} } as unknown as Parameters<typeof buildLineReport>[1])
  const watch = buildWatch({ intervalMs: 1, timeoutMs: 1000 }, event => told.event(event, watch.totals))
  const rssBytes: number[] = []
  for (let index = 0; index < 3_600_000; index++) {
    watch.sent(index, index)
    if (index % 60_000 > 100) watch.answered(index, index + 5, 5 + (index % 7), 60)
    if (index % 10 === 0) watch.advance(index)
    if (index % 300_000 === 60_000) rssBytes.push(process.memoryUsage.rss())
  }
  return { rssBytes, outages: watch.totals.outageCount }
}

if (process.argv[2] === 'serve') await serve()
else
  await report(async () => {
    enterOwnNetwork()
    const { rssBytes, outages } = hourOfProbes()
    const server = await startChild([process.execPath, self, 'serve'], 'ports ')
    const [tcp, udp] = /ports (\d+) (\d+)/.exec(server.lines)!.slice(1)
    const targets = { icmp: 'icmp://127.0.0.1', udp: `udp://127.0.0.1:${udp}`, tcp: `tcp://127.0.0.1:${tcp}` }
    const seen = Object.entries(targets).map(([kind, target]) => ({ kind, target, runs: [] as ReturnType<typeof measure>[] }))
    for (let round = 0; round < rounds; round++)
      for (const { kind, target, runs } of seen) {
        runs.push(measure(target))
        note(`round ${round + 1} of ${rounds}: ${kind} ${JSON.stringify(runs.at(-1))}`)
      }
    await server.stop()
    const kinds = seen.map(({ kind, runs }) => ({
      kind,
      best: { cores: Math.min(...runs.map(({ cores }) => cores)), lateP99Ms: Math.min(...runs.map(({ lateP99Ms }) => lateP99Ms)) },
      ...{ cores: figure(runs.map(({ cores }) => cores)), lateP99Ms: figure(runs.map(({ lateP99Ms }) => lateP99Ms)) },
      ...{
        lost: runs.map(({ lost }) => lost),
        blindMs: runs.map(({ blindMs }) => Math.round(blindMs)),
        load: runs.map(({ load }) => load),
      },
    }))
    const grewBytes = rssBytes.at(-1)! - rssBytes[1]!
    return {
      ...{ bench: 'watch', machine: machine(), bars, kinds },
      hour: { probes: 3_600_000, outages, rssBytes, grewBytes },
      pass: grewBytes <= bars.hourGrowthBytes && kinds.every(({ best }) => best.cores <= bars.cores && best.lateP99Ms <= bars.lateP99Ms),
    }
  })
