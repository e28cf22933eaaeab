/**
 * What a federated credential costs: token, checks, exchange and impersonation against local clouds that run in another process, over TLS for the cloud. Prints wall and
 * CPU of this process per run, after warm-up. `node test/bench/federation.ts`
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

const warmUp = 60
const runs = 100
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

/** What node:https takes for two fresh connections that answer, per pair: the least that the exchange and impersonation could cost on this machine now. */
const bare = async ({ endpoint, caFile }: Partial<Options['federation']>): Promise<number> => {
  const ca = readFileSync(caFile!, 'utf8')
  const fresh: RequestOptions & { secureContext: SecureContext } = { agent: false, secureContext: createSecureContext({ ca }) }
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(`${endpoint}/none`, fresh, answer => answer.resume().once('end', resolve))
      request.once('error', reject).end()
    })
  for (let n = 0; n < warmUp; n++) await ask()
  const before = process.cpuUsage()
  for (let n = 0; n < 2 * runs; n++) await ask()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / runs
}

const measure = async (): Promise<void> => {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const [options] = (await once(child, 'message')) as [Partial<Options['federation']>]
  const stop = new AbortController().signal
  const runOnce = async (): Promise<number> => {
    const result = await runProbe('federation', { host: 'gcp' } as Resolved, options, stop)
    if (result.outcome.kind !== 'ok') throw new Error(JSON.stringify(result.outcome))
    return result.phasesMs['total']!
  }
  for (let n = 0; n < warmUp; n++) await runOnce()
  const before = process.cpuUsage()
  const walls: number[] = []
  for (let n = 0; n < runs; n++) walls.push(await runOnce())
  const { user, system } = process.cpuUsage(before)
  const bareMs = await bare(options)
  walls.sort((a, b) => a - b)
  const [p50, p95] = [walls[Math.floor(runs / 2)]!, walls[Math.floor(0.95 * runs)]!]
  const cpuMs = (user + system) / 1000 / runs
  const holds = { wall: p50 <= wallBarMs, cpu: cpuMs <= cpuBarMs }
  child.disconnect()
  process.stdout.write(
    `${JSON.stringify({ bench: 'federation', runs, wallMs: { p50, p95, bar: wallBarMs }, cpuMsPerRun: cpuMs, cpuBarMs, bareCpuMs: bareMs, ratioToBare: cpuMs / bareMs, holds }, null, 2)}\n`,
  )
}

await (process.argv[2] === 'serve' ? serve() : measure())
