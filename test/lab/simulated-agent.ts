/** An agent as the controller sees it: enrols, keeps a stream of assignments open, says that it runs them, and sends batches again until they are acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { AssignmentMessage, DrainMessage } from '../../wire/api/assignments.ts'
import type { CredentialAnswer } from '../../wire/api/enrol.ts'
import { type AgentBatch, agentBatches } from '../bench/programs/agent-batches.ts'
import { readEvents } from './read-events.ts'

export type Told = { revision: string; generation: number; checks: number; stream: number }
export type SimulatedAgent = {
  readonly id: string
  /** Sequences that the controller has acknowledged. */
  readonly acknowledged: ReadonlySet<number>
  /** Each assignment that came, in order; `stream`: on which of its streams. */
  readonly told: readonly Told[]
  /** Streams that were opened, and how many of them ended with `drain`. */
  readonly streams: number
  readonly drains: number
  /** What must not have happened. */
  readonly faults: readonly string[]
  /** All of its batches that were acknowledged, those before it began too. */
  readonly batches: number
  /** Sends to each of these controllers until they know what is assigned to it: a real agent is not so fast that it could be told before. */
  begin(urls?: readonly string[]): Promise<void>
  /** Sends for as long as this is not aborted; resolves when what was begun is acknowledged. */
  send(until: AbortSignal, everyMs?: number): Promise<void>
  /** Ends its stream. */
  close(): Promise<void>
}
export type SimulatedAgentOptions = { id: string; url: string; joinToken: string; batches: readonly AgentBatch[]; boot?: string }

export const pathsPerAgent = 20
const checksPerAgent = 2
/** Every path has ten runs in a window. */
export const runsPerBatch = pathsPerAgent * 10
/** Below the 1200 requests of a minute that an agent may make (controller/web/app.ts). */
const pauseMs = 60

/** What all of them measure, in windows of one minute that begins then. */
export const batchesOf = (id: string, minuteMs: number): Promise<AgentBatch[]> => agentBatches(6, pathsPerAgent, 'protobuf', minuteMs, id)
/** Gives every agent the paths that the batches are of. `every` makes it another generation that changes something for each of them. */
export const fleetOf = (every = '10s'): string => {
  const checks = ['icmp', 'tcp'].map((kind, odd) => ({
    ...{ name: `mesh-${kind}`, kind, every, from: { cloud: ['aws'] } },
    targets: Array.from({ length: pathsPerAgent / 2 }, (_, k) => `payments-${2 * k + odd}`),
    perLink: 1000,
  }))
  const targets = Array.from({ length: pathsPerAgent }, (_, k) => ({
    ...{ name: `payments-${k}`, address: 'payments.example:443', location: 'azure/eastus' },
  }))
  return JSON.stringify({ apiVersion: 'causeway/v1', owner: 'test', targets, checks })
}

/** Whether it came, and what to; undefined: nobody knows. */
type Answered = { status: number; bytes: number; text: () => string } | undefined

const ask = async (url: string, method: 'GET' | 'POST', headers: Record<string, string>, body?: string | Uint8Array): Promise<Answered> => {
  try {
    const answer = await request(url, { method, headers, reset: true, headersTimeout: 30_000, ...(body !== undefined && { body }) })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, bytes: bytes.length, text: () => bytes.toString() }
  } catch {
    return undefined
  }
}

/** Rejects when it is refused. */
export const enrol = async (url: string, token: string): Promise<CredentialAnswer> => {
  const body = JSON.stringify({ proof: { kind: 'join', token }, claimed: {}, labels: {}, advertise: [], details: {} })
  const answer = await ask(`${url}/v1/enrol`, 'POST', { 'content-type': 'application/json' }, body)
  if (answer?.status !== 200) throw new Error(`it may not enrol: ${answer?.status} ${answer?.text()}`)
  return JSON.parse(answer.text()) as CredentialAnswer
}

type State = { acknowledged: Set<number>; told: Told[]; streams: number; drains: number; faults: string[]; first: number }
type Way = { url: string; headers: Record<string, string>; state: State }

/** Resolves when it has enrolled. */
export const startSimulatedAgent = async ({
  id,
  url,
  joinToken,
  batches,
  boot = 'boot-1',
}: SimulatedAgentOptions): Promise<SimulatedAgent> => {
  const { credential, agentId } = await enrol(url, joinToken)
  if (agentId !== id) throw new Error(`it is ${agentId}, not ${id}`)
  const state: State = { acknowledged: new Set(), told: [], streams: 0, drains: 0, faults: [], first: 0 }
  const way: Way = { url, headers: { authorization: `Bearer ${credential}` }, state }
  const closing = new AbortController()
  const following = follow(way, closing.signal)
  let next = 0
  const sendNext = async (): Promise<void> => {
    const sequence = next++
    await deliver(way, boot, sequence, batches)
    // Some again: their acknowledgement may have been lost on the way.
    if (sequence % 7 === 0) await deliver(way, boot, sequence, batches)
  }
  return {
    id,
    acknowledged: state.acknowledged,
    told: state.told,
    get streams() {
      return state.streams
    },
    get drains() {
      return state.drains
    },
    faults: state.faults,
    get batches() {
      return state.acknowledged.size + state.first
    },
    begin: async (urls = [url]) => {
      while (state.told.at(-1)?.checks !== checksPerAgent) await sleep(20)
      for (const one of urls) await firstBatch({ ...way, url: one }, batches)
    },
    send: async (until, everyMs = pauseMs) => {
      while (!until.aborted) {
        await sendNext()
        await sleep(everyMs)
      }
    },
    close: async () => {
      closing.abort()
      await following
    },
  }
}

const headersOf = (headers: Way['headers'], boot: string, sequence: number): Record<string, string> => ({
  ...headers,
  ...{ 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip', 'causeway-boot': boot, 'causeway-sequence': String(sequence) },
})

/** Of what is not assigned all is rejected, so none of those counts. */
const firstBatch = async ({ url, headers, state }: Way, batches: readonly AgentBatch[]): Promise<void> => {
  for (let sequence = 0; ; sequence++) {
    const answer = await ask(`${url}/v1/metrics`, 'POST', headersOf(headers, `first-${new URL(url).port}`, sequence), batches[0]!.body)
    if (answer?.status === 200 && answer.bytes === 0) return void state.first++
    await sleep(2 * pauseMs)
  }
}

/** Until it is acknowledged. */
const deliver = async ({ url, headers, state }: Way, boot: string, sequence: number, batches: readonly AgentBatch[]): Promise<void> => {
  for (;;) {
    const answer = await ask(`${url}/v1/metrics`, 'POST', headersOf(headers, boot, sequence), batches[sequence % batches.length]!.body)
    if (answer?.status === 200) {
      if (answer.bytes > 0) state.faults.push(`of ${sequence} not all was taken: ${answer.text()}`)
      return void state.acknowledged.add(sequence)
    }
    if (answer && answer.status !== 503 && answer.status !== 429) state.faults.push(`${sequence}: ${answer.status} ${answer.text()}`)
    await sleep(pauseMs + Math.random() * pauseMs)
  }
}

const follow = async (way: Way, signal: AbortSignal): Promise<void> => {
  const { url, headers, state } = way
  while (!signal.aborted) {
    const last = state.told.at(-1)
    const more = last ? { 'last-event-id': last.revision } : {}
    let afterMs = 100
    try {
      const answer = await request(`${url}/v1/assignments`, { headers: { ...headers, ...more }, reset: true, signal, bodyTimeout: 60_000 })
      if (answer.statusCode === 200) state.streams++
      for await (const { event, data } of readEvents(answer.body)) {
        if (event === 'drain') {
          state.drains++
          afterMs = Math.min(1000, (JSON.parse(data) as DrainMessage).afterMs)
        } else if (event === 'assignment') await take(way, JSON.parse(data) as AssignmentMessage, signal)
      }
    } catch {
      // It is away: comes again.
    }
    await sleep(afterMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
  }
}

/** Says it again until it is heard, as an agent does. */
const take = async (
  { url, headers, state }: Way,
  { revision, generation, checks }: AssignmentMessage,
  signal: AbortSignal,
): Promise<void> => {
  state.told.push({ revision, generation, checks: checks.length, stream: state.streams })
  const body = JSON.stringify({ revision, generation, outcome: 'running', problems: [], paths: checks.length })
  for (;;) {
    const answer = await ask(`${url}/v1/assignments/ack`, 'POST', { ...headers, 'content-type': 'application/json' }, body)
    if (answer?.status === 204) return
    if (answer && answer.status !== 503) state.faults.push(`acknowledgement: ${answer.status} ${answer.text()}`)
    if (signal.aborted) return
    await sleep(pauseMs)
  }
}
