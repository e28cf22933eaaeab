/**
 * A thousand agents that come back at once: the controller is killed and starts again. Real sockets against the API in this process; the agents' program is as small as it
 * can be and keeps the rules of the real one (full jitter from a second to a minute, a batch of telemetry every ten seconds). Requests are counted where they arrive.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { type Assigning, startAssigning } from '../../controller/assign/assigning.ts'
import { issueCredential } from '../../controller/enrol/credential.ts'
import { loadSigner } from '../../controller/enrol/signer.ts'
import { openFleet } from '../../controller/fleet/current.ts'
import { openCounters } from '../../controller/metrics.ts'
import { putAgent } from '../../controller/store/agents.ts'
import { addCredential } from '../../controller/store/credentials.ts'
import { openSqlite } from '../../controller/store/sqlite.ts'
import { buildApp } from '../../controller/web/app.ts'
import { trustIssuers } from '../controller/enrol/issuer.ts'
import { machine } from './machine.ts'
import { note, report } from './report.ts'

const count = Number(process.argv[2] ?? 1000)
const steadyMs = 30_000
const awayMs = Number(process.argv[3] ?? 30_000)
const telemetryMs = 10_000
const bars = { peakRatio: 3, currentMs: 300_000, rssMiB: 512 }
const stats = { arrivals: [] as number[], current: new Set<number>() }
/** The agents are a process of their own, so that the controller's memory is its own. */
const isAgents = process.send !== undefined

const directory = mkdtempSync(join(tmpdir(), 'causeway-returning-'))
const random = (bytes: number): Uint8Array => randomBytes(bytes)

type Running = { app: FastifyInstance; assigning: Assigning; port: number }

const start = async (port: number): Promise<Running & { stop: () => Promise<void>; credentials: () => Promise<string[]> }> => {
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const nowMs = Date.now
  const [log, counters, fleet, keys] = [
    pino({ level: 'silent' }),
    openCounters(),
    await openFleet(store),
    await trustIssuers({ ms: Date.now() }),
  ]
  const signer = await loadSigner({ store, random, nowMs: nowMs() })
  const signal = new AbortController().signal
  const holder = Buffer.from(random(8)).toString('hex')
  const assigning = await startAssigning({ store, fleet, nowMs, holder, log, counters, signal })
  const ingest = { receive: async () => ({ kind: 'taken' as const, rejected: 0, message: '' }) }
  const app = await buildApp({
    ...{ store, nowMs, random, log, version: '0.0.0', counters, signer, keys, fleet, ingest, assigning },
    notifying: { test: async () => undefined },
    history: { query: async () => [] },
    bundles: () => new Map(),
    problems: async () => [],
    ending: signal,
  })
  app.server.on('request', () => stats.arrivals.push(performance.now()))
  await app.listen({ port, host: '127.0.0.1' })
  const credentials = (): Promise<string[]> =>
    store.write(async sql => {
      const made: string[] = []
      for (let i = 0; i < count; i++) {
        const id = `vm-${i}`
        const location = { cloud: ['aws', 'azure', 'gcp'][i % 3]!, region: `r${i % 12}` }
        const proof = { kind: 'join' as const, issuer: 'controller', subject: id }
        await putAgent(
          sql,
          { id, location, labels: {}, advertise: [{ scope: 'node', host: `10.0.${i >> 8}.${i & 255}` }], details: {}, proof },
          nowMs(),
        )
        const credential = await issueCredential(signer, { agentId: id, random, nowMs: nowMs() })
        await addCredential(sql, credential)
        made.push(credential.token.reveal())
      }
      return made
    })
  const stop = async (): Promise<void> => {
    // As a kill does: sockets end without a word.
    app.server.closeAllConnections()
    await Promise.all([assigning.close(), app.close()])
    await Promise.all([store.close(), keys.close()])
  }
  return { app, assigning, port: (app.server.address() as AddressInfo).port, stop, credentials }
}

const ask = (port: number, credential: string, method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', method, path, headers: { ...headers, authorization: `Bearer ${credential}` } },
      resolve,
    )
    request.once('error', reject)
    request.end(body)
  })

/** Full jitter, doubling from a second to a minute, until it is let in. */
const patiently = async (work: () => Promise<void>, stop: AbortSignal): Promise<void> => {
  for (let failures = 0; !stop.aborted; ) {
    const before = performance.now()
    await work().catch(() => {})
    failures = performance.now() - before > 5000 ? 0 : failures + 1
    await sleep(Math.random() * Math.min(60_000, 1000 * 2 ** failures), undefined, { signal: stop }).catch(() => {})
  }
}

const playAgent = (index: number, port: number, credential: string, stop: AbortSignal): void => {
  let revision = ''
  const stream = async (): Promise<void> => {
    const response = await ask(port, credential, 'GET', '/v1/assignments', revision ? { 'last-event-id': revision } : {})
    if (response.statusCode !== 200) return void response.resume()
    process.send!(index)
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const [, id] = /^id: (.*)$/m.exec(block) ?? []
        if (!id) continue
        revision = id
        const acknowledgement = JSON.stringify({ revision, generation: 0, outcome: 'running', problems: [] })
        ;(await ask(port, credential, 'POST', '/v1/assignments/ack', { 'content-type': 'application/json' }, acknowledgement)).resume()
      }
    }
  }
  const telemetry = async (): Promise<void> => {
    await sleep(Math.random() * telemetryMs, undefined, { signal: stop }).catch(() => {})
    let failures = 0
    for (let sequence = 1; !stop.aborted; ) {
      const headers = { 'content-type': 'application/x-protobuf', 'causeway-boot': 'b', 'causeway-sequence': String(sequence) }
      const status = await ask(port, credential, 'POST', '/v1/metrics', headers, 'x').then(
        response => response.resume().statusCode,
        () => undefined,
      )
      const isTaken = status === 200
      failures = isTaken ? 0 : failures + 1
      if (isTaken) sequence++
      const waitMs = isTaken ? telemetryMs : Math.random() * Math.min(60_000, 1000 * 2 ** failures)
      await sleep(waitMs, undefined, { signal: stop }).catch(() => {})
    }
  }
  void patiently(stream, stop)
  void telemetry()
}

const rateOf = (fromMs: number, toMs: number): number =>
  stats.arrivals.filter(at => at >= fromMs && at < toMs).length / ((toMs - fromMs) / 1000)

type Told = { port: number; credentials: string[] }

const playAgents = (): void => {
  const stop = new AbortController()
  process.on('message', ({ port, credentials }: Told) => {
    for (const [index, credential] of credentials.entries()) playAgent(index, port, credential, stop.signal)
  })
  process.on('disconnect', () => process.exit())
}

const measure = async (): Promise<object> => {
  let peakRss = 0
  const watching = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
  }, 200)
  const first = await start(0)
  const { port } = first
  const credentials = await first.credentials()
  const agents = fork(import.meta.filename)
  agents.on('message', index => void stats.current.add(Number(index)))
  agents.send({ port, credentials } satisfies Told)
  while (stats.current.size < count) await sleep(200)
  note('all are there')
  await sleep(telemetryMs)
  const steadyFrom = performance.now()
  await sleep(steadyMs)
  const steady = rateOf(steadyFrom, performance.now())
  await first.stop()
  stats.current.clear()
  await sleep(awayMs)
  const second = await start(port)
  const backAt = performance.now()
  note('the controller is back')
  while (stats.current.size < count && performance.now() - backAt < 2 * bars.currentMs) await sleep(100)
  const currentMs = Math.round(performance.now() - backAt)
  await sleep(10_000)
  const seconds = Array.from({ length: Math.floor((performance.now() - backAt) / 1000) }, (_, i) =>
    rateOf(backAt + i * 1000, backAt + (i + 1) * 1000),
  )
  const tens = seconds.map((_, i) => rateOf(backAt + i * 1000, backAt + (i + 10) * 1000)).slice(0, -9)
  agents.disconnect()
  await second.stop()
  clearInterval(watching)
  rmSync(directory, { recursive: true, force: true })
  const peak = Math.max(...tens)
  return {
    what: `${count} agents come back at once, after ${awayMs / 1000} s`,
    machine: machine(),
    steadyPerSecond: Math.round(steady),
    peakPerSecond: {
      overOne: Math.round(Math.max(...seconds)),
      overTen: Math.round(peak),
      ratioOverTen: Number((peak / steady).toFixed(2)),
      bar: bars.peakRatio,
    },
    allCurrentMs: { measured: currentMs, bar: bars.currentMs },
    rssMiB: { measured: Math.round(peakRss / 2 ** 20), bar: bars.rssMiB },
  }
}

if (isAgents) playAgents()
else await report(measure).finally(() => process.exit())
