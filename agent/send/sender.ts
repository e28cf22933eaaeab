import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Held, Ledger } from '../spool/options.ts'
import type { SpooledRecord } from '../spool/record.ts'
import type { Spool } from '../spool/spool.ts'
import { backoffMs } from './backoff.ts'
import { openConnections, type ReadClientIdentity } from './credentials.ts'
import { type Endpoint, type Signal, shownUrl, urlOf } from './endpoint.ts'
import { judgeAnswer, type Verdict } from './judge-answer.ts'
import { type Answer, post } from './post.ts'
import { sleep } from './sleep.ts'

/** Makes the body of a request of what was spooled. May throw: such a record is dropped as `corrupt`. */
export type Encode = (payload: Uint8Array, record: SpooledRecord) => Promise<{ signal: Signal; body: Uint8Array; points: number }>

export type SenderOptions = {
  spool: Spool
  endpoint: Endpoint
  /** In the protocol of the endpoint. */
  encode: Encode
  agentId: () => string
  readSvid?: ReadClientIdentity
  /** For HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  environment: NodeJS.ProcessEnv
  /** From 0 to below 1. */
  random: () => number
  unixNowMs: () => number
}

/** For health and metrics. Times are Unix ms. */
export type EndpointState = {
  name: string
  url: string
  /** The last request brought nothing across. */
  failing: boolean
  /** It says that we may not. */
  unauthorised: boolean
  lastSuccessMs?: number
  lastError?: string
  lastErrorMs?: number
  requests: { delivered: number; rejected: number; retried: number }
  /** By answers of partial success; in points, which are not items. */
  rejectedPoints: number
  backlogItems: number
  oldestAgeMs?: number
  ledger: Ledger
}

export type Sender = {
  state(): EndpointState
  /** Sends what there is, until there is no more or `deadline` ends it, and stops. */
  drain(deadline: AbortSignal): Promise<void>
  /** Ends what is under way; nothing is lost by it. */
  stop(): Promise<void>
}

type Body = { url: string; headers: Record<string, string>; bytes: Uint8Array; points: number }
const gzipAsync = promisify(gzip)

/**
 * Empties one endpoint's part of the spool, for ever; senders know nothing of one another, so a slow endpoint delays no other. Every record is one request
 * with the batch's identity (agent, boot, sequence) in its headers. A record stays with its request until that has an answer: during an outage one record is
 * tried again and again, and the others stay untried, so that a full spool may merge them.
 */
export const startSender = (options: SenderOptions): Sender => {
  const { spool, endpoint, encode, agentId, random, unixNowMs } = options
  const connections = openConnections(endpoint, options.environment, options.readSvid)
  const stopping = new AbortController()
  const draining = new AbortController()
  const seen = { failures: 0, unauthorised: false, requests: { delivered: 0, rejected: 0, retried: 0 }, rejectedPoints: 0 }
  const last: Pick<EndpointState, 'lastSuccessMs' | 'lastError' | 'lastErrorMs'> = {}
  let woken = Promise.withResolvers<void>()
  const wake = (): void => {
    woken.resolve()
    woken = Promise.withResolvers<void>()
  }
  const quiet = spool.onReady(wake)

  const fail = (detail: string): void => {
    last.lastError = detail
    last.lastErrorMs = unixNowMs()
  }

  const buildBody = async (held: Held): Promise<Body> => {
    const { signal, body, points } = await encode(held.record.payload, held.record)
    const packed = endpoint.compression === 'gzip'
    const headers = {
      'content-type': endpoint.protocol === 'json' ? 'application/json' : 'application/x-protobuf',
      ...(packed ? { 'content-encoding': 'gzip' } : {}),
      'causeway-agent': agentId(),
      'causeway-boot': held.record.boot,
      'causeway-sequence': String(held.record.sequence),
    }
    return { url: urlOf(endpoint, signal), headers, bytes: packed ? await gzipAsync(body) : body, points }
  }

  const attempt = async ({ url, headers, bytes }: Body): Promise<Verdict> => {
    let answer: Answer
    try {
      const agent = await connections.agent()
      const secrets = Object.fromEntries(Object.entries(endpoint.headers).map(([name, value]) => [name.toLowerCase(), value.reveal()]))
      answer = await post({ url, headers: { ...secrets, ...headers }, body: bytes, agent, timeoutMs: endpoint.timeoutMs }, stopping.signal)
    } catch (error) {
      answer = { kind: 'failed', detail: (error as Error).message }
    }
    return judgeAnswer(answer, unixNowMs())
  }

  /** True when the record is settled. */
  const conclude = (held: Held, points: number, verdict: Verdict): boolean => {
    if (verdict.detail !== undefined) fail(verdict.detail)
    if (verdict.kind === 'retry') {
      seen.requests.retried += 1
      seen.failures += 1
      seen.unauthorised = verdict.slow
      return false
    }
    seen.requests[verdict.kind] += 1
    seen.failures = 0
    seen.unauthorised = false
    const { items } = held.record
    if (verdict.kind === 'rejected') spool.settle(held, items)
    else {
      last.lastSuccessMs = unixNowMs()
      seen.rejectedPoints += verdict.rejectedPoints
      spool.settle(held, itemsOf(items, verdict.rejectedPoints, points))
    }
    wake()
    return true
  }

  const deliver = async (held: Held): Promise<void> => {
    let body: Body
    try {
      body = await buildBody(held)
    } catch (error) {
      fail(`a record could not be encoded: ${(error as Error).message}`)
      spool.settle(held, held.record.items, 'corrupt')
      return
    }
    while (!stopping.signal.aborted) {
      const verdict = await attempt(body)
      if (stopping.signal.aborted && verdict.kind === 'retry') break
      if (conclude(held, body.points, verdict) || verdict.kind !== 'retry') return
      const ms = backoffMs(seen.failures, random(), verdict)
      // A shutdown does not wait for an endpoint that has asked to be left alone, and tries any other at least once more.
      if (draining.signal.aborted && verdict.afterMs !== undefined) break
      if (draining.signal.aborted) await sleep(Math.min(ms, 1_000), stopping.signal)
      else await sleep(ms, verdict.afterMs === undefined ? AbortSignal.any([stopping.signal, draining.signal]) : stopping.signal)
    }
    spool.release(held)
  }

  const work = async (isFirst: boolean): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { promise } = woken
      // While the endpoint is away one request at a time finds out when it is back.
      const held = isFirst || seen.failures === 0 ? await spool.next(endpoint.name, endpoint.order) : undefined
      if (held) await deliver(held)
      else if (draining.signal.aborted) return
      else await promise
    }
  }
  const workers = Array.from({ length: endpoint.concurrency }, (_, i) => work(i === 0))

  const stop = async (): Promise<void> => {
    stopping.abort()
    wake()
    await Promise.all(workers)
    quiet()
    connections.close()
  }
  return {
    stop,
    drain: async deadline => {
      draining.abort()
      wake()
      const end = (): void => stopping.abort()
      deadline.addEventListener('abort', end, { once: true })
      if (deadline.aborted) end()
      await Promise.all(workers)
      deadline.removeEventListener('abort', end)
      await stop()
    },
    state: () => {
      const ledger = spool.ledger(endpoint.name)
      const oldestAtMs = spool.oldestAtMs(endpoint.name)
      return {
        name: endpoint.name,
        url: shownUrl(endpoint.url),
        failing: seen.failures > 0,
        unauthorised: seen.unauthorised,
        ...last,
        requests: { ...seen.requests },
        rejectedPoints: seen.rejectedPoints,
        backlogItems: ledger.spooled,
        ...(oldestAtMs === undefined ? {} : { oldestAgeMs: Math.max(0, unixNowMs() - oldestAtMs) }),
        ledger,
      }
    },
  }
}

/** Points say nothing of items: the share that was refused, rounded up, counts as rejected items. */
const itemsOf = (items: number, rejectedPoints: number, points: number): number =>
  rejectedPoints === 0 ? 0 : rejectedPoints >= points ? items : Math.ceil((items * rejectedPoints) / points)
