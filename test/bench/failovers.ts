/**
 * How well `probe watch` measures outages: failovers of 50 ms to 45 s in the simulated network, held against the log of the WAN itself.
 *   node test/bench/failovers.ts [count=100] [longest ms=45000] [interval ms=10] [kind=icmp]
 * Lengths are spread evenly over their logarithms. As root or where user namespaces are allowed. Prints JSON.
 */
import { setTimeout } from 'node:timers/promises'
import { startNetwork } from '../../deploy/sim/network.ts'
import { seededRandom } from '../../deploy/sim/wan.ts'
import type { WatchDocument } from '../../wire/watch.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { probe } from '../lab/probe-in.ts'

const [count = 100, longestMs = 45_000, intervalMs = 10] = process.argv.slice(2, 5).map(Number)
const shortestMs = 50
/** Between two outages: time to see that the path is there. */
const betweenMs = 300

const random = seededRandom(1)
const lengths = Array.from({ length: count }, (_, at) => shortestMs * (longestMs / shortestMs) ** (at / Math.max(1, count - 1)))
  .map(ms => [random(), ms] as const)
  .sort(([a], [b]) => a - b)
  .map(([, ms]) => ms)

const routes = ['a', 'b'].flatMap(name => [
  { from: 'aws', to: 'azure', name, delayMs: name === 'a' ? 2 : 6, hops: 2 },
  { from: 'azure', to: 'aws', name, delayMs: name === 'a' ? 2 : 6, hops: 2 },
])
await using network = await startNetwork({ sites: { aws: {}, azure: {} }, routes })
const words = [network.sites.azure.address, '--interval', `${intervalMs}ms`, '--no-look', '--output', 'json']
const child = network.spawn('aws', [process.execPath, probe, 'watch', ...words], { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] })
let text = ''
child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
const ended = new Promise(resolve => child.once('close', resolve))
while ((await network.counters()).aws.azure.packets < 100) await setTimeout(50)
for (const [at, tookMs] of lengths.entries()) {
  // At any moment between two probes.
  await setTimeout(betweenMs + random() * 50)
  await network.failOver('aws', 'azure', { routes: [at % 2 ? 'a' : 'b'], tookMs })
  await setTimeout(tookMs)
}
await setTimeout(2000)
child.kill('SIGINT')
await ended
const document = JSON.parse(text) as WatchDocument
const log = await network.failovers()
const errors = document.outages.map(({ lengthMs }, at) => Math.abs(lengthMs - (log[at]!.endsAtMs - log[at]!.beganAtMs)))
const allowedMs = 2 * intervalMs + 1
const sorted = errors.toSorted((a, b) => a - b)
const rounded = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 1000) / 1000)
const lost = document.outages.map((outage, at) => outage.lost - log[at]!.lost)
console.log(
  JSON.stringify({
    ...{ failovers: log.length, outages: document.outageCount, intervalMs, allowedMs },
    within: errors.filter(ms => ms <= allowedMs).length,
    withinWhatItSays: errors.filter((ms, at) => ms <= document.outages[at]!.uncertainMs + 1).length,
    errorMs: {
      p50: rounded(sorted[sorted.length >> 1]),
      p99: rounded(sorted[Math.ceil(sorted.length * 0.99) - 1]),
      max: rounded(sorted.at(-1)),
    },
    lostMoreThanTheLogSays: lost.filter(more => more !== 0).length,
    ...{ sent: document.sent, blindMs: document.blindMs, latenessMs: document.latenessMs },
  }),
)
