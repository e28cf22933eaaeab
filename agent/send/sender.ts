import type { Held, Ledger } from '../spool/options.ts'
import type { Spool } from '../spool/spool.ts'
import { backoffMs } from './backoff.ts'
import type { ReadClientIdentity } from './credentials.ts'
import { type Endpoint, shownUrl } from './endpoint.ts'
import { type Attempted, type Body, type Encode, openRequests } from './requests.ts'
import { sleep, sleepUnless } from './sleep.ts'

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

/**
 * Empties one endpoint's part of the spool, for ever; senders know nothing of one another, so a slow endpoint delays no other. Every record is one request
 * with the batch's identity (agent, boot, sequence) in its headers. A record stays with its request until that has an answer: during an outage one record is
 * tried again and again, and the others stay untried, so that a full spool may merge them.
 */
export const startSender = (options: SenderOptions): Sender => {
  const sending = new Sending(options)
  return { state: () => sending.state(), drain: deadline => sending.drain(deadline), stop: () => sending.stop() }
}

class Sending {
  readonly #options: SenderOptions
  readonly #requests: ReturnType<typeof openRequests>
  readonly #stopping = new AbortController()
  readonly #draining = new AbortController()
  readonly #anyEnd = AbortSignal.any([this.#stopping.signal, this.#draining.signal])
  readonly #quiet: () => void
  readonly #workers: Promise<void>[]
  readonly #seen = { failures: 0, unauthorised: false, requests: { delivered: 0, rejected: 0, retried: 0 }, rejectedPoints: 0 }
  readonly #last: Pick<EndpointState, 'lastSuccessMs' | 'lastError' | 'lastErrorMs'> = {}
  #woken = Promise.withResolvers<void>()

  constructor(options: SenderOptions) {
    this.#options = options
    this.#requests = openRequests(options)
    this.#quiet = options.spool.onReady(() => this.#wake())
    this.#workers = Array.from({ length: options.endpoint.concurrency }, (_, i) => this.#work(i === 0))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake()
    await Promise.all(this.#workers)
    this.#quiet()
    this.#requests.close()
  }

  async drain(deadline: AbortSignal): Promise<void> {
    this.#draining.abort()
    this.#wake()
    const end = (): void => this.#stopping.abort()
    deadline.addEventListener('abort', end, { once: true })
    if (deadline.aborted) end()
    await Promise.all(this.#workers)
    deadline.removeEventListener('abort', end)
    await this.stop()
  }

  state(): EndpointState {
    const { endpoint, spool, unixNowMs } = this.#options
    const { failures, unauthorised, requests, rejectedPoints } = this.#seen
    const ledger = spool.ledger(endpoint.name)
    const oldestAtMs = spool.oldestAtMs(endpoint.name)
    return {
      name: endpoint.name,
      url: shownUrl(endpoint.url),
      failing: failures > 0,
      unauthorised,
      ...this.#last,
      requests: { ...requests },
      rejectedPoints,
      backlogItems: ledger.spooled,
      ...(oldestAtMs === undefined ? {} : { oldestAgeMs: Math.max(0, unixNowMs() - oldestAtMs) }),
      ledger,
    }
  }

  async #work(isFirst: boolean): Promise<void> {
    const { spool, endpoint } = this.#options
    while (!this.#stopping.signal.aborted) {
      const { promise } = this.#woken
      // Who we are goes with what is sent: nothing is begun before that is known.
      const isAllowed = !endpoint.bearer || (await endpoint.bearer(this.#anyEnd)) !== undefined
      // While the endpoint is away one request at a time finds out when it is back.
      const held = isAllowed && (isFirst || this.#seen.failures === 0) ? await spool.next(endpoint.name, endpoint.order) : undefined
      if (held) await this.#deliver(held)
      else if (this.#draining.signal.aborted) return
      else await promise
    }
  }

  async #deliver(held: Held): Promise<void> {
    const { spool } = this.#options
    let body: Body
    try {
      body = await this.#requests.build(held.record)
    } catch (error) {
      this.#fail(`a record could not be encoded: ${(error as Error).message}`)
      spool.settle(held, held.record.items, 'corrupt')
      return
    }
    while (!this.#stopping.signal.aborted) {
      const verdict = await this.#requests.attempt(body, this.#stopping.signal, this.#anyEnd)
      if (this.#stopping.signal.aborted && verdict.kind === 'retry') break
      if (this.#conclude(held, body.points, verdict) || verdict.kind !== 'retry') return
      if (!(await this.#pause(verdict))) break
    }
    spool.release(held)
  }

  /** True when the record is settled. */
  #conclude(held: Held, points: number, verdict: Attempted): boolean {
    const { spool, unixNowMs } = this.#options
    const seen = this.#seen
    if (verdict.detail !== undefined) this.#fail(verdict.detail)
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
      this.#last.lastSuccessMs = unixNowMs()
      seen.rejectedPoints += verdict.rejectedPoints
      spool.settle(held, itemsOf(items, verdict.rejectedPoints, points))
    }
    this.#wake()
    return true
  }

  /** False: do not try again. A shutdown does not wait for an endpoint that has asked to be left alone, and tries any other at least once more. */
  async #pause(verdict: Attempted & { kind: 'retry' }): Promise<boolean> {
    const [stopping, draining] = [this.#stopping.signal, this.#draining.signal]
    const ms = backoffMs(this.#seen.failures, this.#options.random(), verdict)
    if (draining.aborted && verdict.afterMs !== undefined) return false
    if (draining.aborted) await sleep(Math.min(ms, 1_000), stopping)
    else if (verdict.sooner) await sleepUnless(ms, this.#anyEnd, verdict.sooner)
    else await sleep(ms, verdict.afterMs === undefined ? this.#anyEnd : stopping)
    return true
  }

  #fail(detail: string): void {
    this.#last.lastError = detail
    this.#last.lastErrorMs = this.#options.unixNowMs()
  }

  #wake(): void {
    this.#woken.resolve()
    this.#woken = Promise.withResolvers<void>()
  }
}

/** Points say nothing of items: the share that was refused, rounded up, counts as rejected items. */
const itemsOf = (items: number, rejectedPoints: number, points: number): number =>
  rejectedPoints === 0 ? 0 : rejectedPoints >= points ? items : Math.ceil((items * rejectedPoints) / points)
