/**
 * What a federated credential costs: token, checks, exchange and impersonation against local clouds that run in another process, over TLS for the cloud. Prints wall and
 * CPU of this process alone per run, after warm-up, in rounds beside the two fresh connections by node:https that the chain could not do without: neighbours that take
 * the caches make both dearer. `node test/bench/federation.ts`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Resolved } from '../../probes/finding.ts'
import { runProbe } from '../../probes/index.ts'
import type { Options } from '../../wire/options.ts'
import { account, audienceFor, providerOf, startWorld } from '../servers/cloud-world.ts'

/** Until the compiler of V8 has nothing left to do: its threads count as this process's CPU. */
const warmUp = 300
const rounds = 10
const runsInRound = 15
const wallBarMs = 100
const cpuBarMs = 5

/** The clouds' own process: tells the options of a run, and ends with its parent. */
const serve = async (): Promise<void> => {
  const world = await startWorld()
  const tokenFile = await world.tokenFile('aks', { audience: audienceFor('gcp', 'aks') })
  const options: Partial<Options['federation']> = {
    caFile: world.caFile,
    tokenFile,
    provider: providerOf('aks'),
    serviceAccount: account,
    endpoint: world.google.url,
    iamEndpoint: world.google.url,
  }
  process.send!(options)
  process.once('disconnect', () => world[Symbol.asyncDispose]())
}

/** What node:https takes for two fresh connections that answer: the least that the exchange and impersonation could cost on this machine now. */
const barePair = ({ endpoint, caFile }: Partial<Options['federation']>): (() => Promise<void>) => {
  const ca = readFileSync(caFile!, 'utf8')
  const fresh: RequestOptions & { secureContext: SecureContext } = { agent: false, secureContext: createSecureContext({ ca }) }
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(`${endpoint}/none`, fresh, answer => answer.resume().once('end', resolve))
      request.once('error', reject).end()
    })
  return async () => {
    await ask()
    await ask()
  }
}

/** CPU of this process, user and system, per call. */
const cpuMsOf = async (call: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage()
  for (let n = 0; n < runsInRound; n++) await call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / runsInRound
}

const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round(1000 * sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!) / 1000
}
const spread = (values: readonly number[]) => ({ least: quantile(values, 0), median: quantile(values, 0.5), most: quantile(values, 1) })

const measure = async (): Promise<void> => {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const [options] = (await once(child, 'message')) as [Partial<Options['federation']>]
  const stop = new AbortController().signal
  const walls: number[] = []
  const chain = async (): Promise<void> => {
    const result = await runProbe('federation', { host: 'gcp' } as Resolved, options, stop)
    if (result.outcome.kind !== 'ok') throw new Error(JSON.stringify(result.outcome))
    walls.push(result.phasesMs['total']!)
  }
  const bare = barePair(options)
  const start = process.cpuUsage()
  await chain()
  const first = process.cpuUsage(start)
  for (let n = 0; n < warmUp; n++) await (n % 5 ? chain() : Promise.all([chain(), bare()]))
  walls.length = 0
  const cpuMs: number[] = []
  const bareMs: number[] = []
  for (let n = 0; n < rounds; n++) {
    cpuMs.push(await cpuMsOf(chain))
    bareMs.push(await cpuMsOf(bare))
  }
  child.disconnect()
  const wallMs = { p50: quantile(walls, 0.5), p95: quantile(walls, 0.95), bar: wallBarMs }
  const cpu = { ...spread(cpuMs), firstRun: (first.user + first.system) / 1000, bar: cpuBarMs }
  const ratioToBare = quantile(
    cpuMs.map((ms, n) => ms / bareMs[n]!),
    0.5,
  )
  const holds = { wall: wallMs.p50 <= wallBarMs, cpu: cpu.median <= cpuBarMs }
  const said = {
    bench: 'federation',
    warmUp,
    runs: rounds * runsInRound,
    wallMs,
    cpuMsPerRun: cpu,
    bareCpuMs: spread(bareMs),
    ratioToBare,
    holds,
  }
  process.stdout.write(`${JSON.stringify(said, null, 2)}\n`)
}

await (process.argv[2] === 'serve' ? serve() : measure())
