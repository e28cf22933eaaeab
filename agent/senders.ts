/** One sender for each endpoint of the configuration, changed while running; what came of their requests goes into the agent's own metrics. */
import { createHash } from 'node:crypto'
import type { ReadIdentity } from '../probes/identity/identity.ts'
import type { Log } from './log.ts'
import type { OtlpResource } from './otlp.ts'
import type { Self } from './self.ts'
import type { ReadClientIdentity } from './send/credentials.ts'
import { type Endpoint, forSignal, signalOf } from './send/endpoint.ts'
import { type EndpointState, type Sender, startSender } from './send/sender.ts'
import type { Ledger } from './spool/options.ts'
import { dropReasons } from './spool/record.ts'
import type { Spool } from './spool/spool.ts'

export type Senders = {
  /** From now on these; one that is unchanged goes on. */
  set(endpoints: readonly Endpoint[]): Promise<void>
  states(): EndpointState[]
  /** Adds what happened since the last call to the agent's own metrics. */
  count(): void
  /** Sends what there is until the deadline. */
  close(withinMs: number): Promise<void>
}

type Parts = {
  spool: Spool
  self: Self
  log: Log
  /** What they are when something is sent: attributes of the resource, the same object as long as they are the same. */
  agentId: () => string
  resource: () => Record<string, string>
  readIdentity?: ReadIdentity
  environment: NodeJS.ProcessEnv
  random: () => number
  nowMs: () => number
}

type Running = { stamp: string; sender: Sender; counted: Counted; failing: boolean }
type Counted = { delivered: number; rejected: number; retried: number; dropped: Ledger['dropped'] }

export const openSenders = ({ spool, self, log, agentId, resource, readIdentity, environment, random, nowMs }: Parts): Senders => {
  const running = new Map<string, Running>()
  const readSvid = readIdentity && clientIdentity(readIdentity)
  let built: { from: Record<string, string>; resource: OtlpResource } | undefined

  const start = (endpoint: Endpoint): Running => ({
    stamp: stampOf(endpoint),
    // What was dropped before this start has been counted then.
    counted: { delivered: 0, rejected: 0, retried: 0, dropped: spool.ledger(endpoint.name).dropped },
    failing: false,
    sender: startSender({
      spool,
      endpoint,
      encode: async (payload, { kind }) => {
        // An agent that sends nothing never loads the SDK.
        const otlp = await import('./otlp.ts')
        const from = resource()
        if (built?.from !== from) built = { from, resource: otlp.buildResource(from) }
        return otlp.encodeRecord(payload, built.resource, forSignal(endpoint, signalOf[kind]).protocol)
      },
      agentId,
      readSvid,
      environment,
      random,
      unixNowMs: nowMs,
    }),
  })

  const tell = (one: Running, { name, url, failing, lastError, backlogItems }: EndpointState): void => {
    if (failing === one.failing) return
    one.failing = failing
    if (failing)
      log.warn({ endpoint: name, url, problem: lastError, backlogItems }, 'an endpoint takes nothing; what it misses is kept on disk')
    else log.info({ endpoint: name, url, backlogItems }, 'the endpoint takes data again')
  }

  return {
    async set(endpoints) {
      const wanted = new Map(endpoints.map(endpoint => [endpoint.name, endpoint]))
      for (const [name, { stamp, sender }] of running) {
        const same = wanted.get(name)
        if (same && stampOf(same) === stamp) continue
        running.delete(name)
        await sender.stop()
      }
      for (const [name, endpoint] of wanted) if (!running.has(name)) running.set(name, start(endpoint))
    },
    states: () => [...running.values()].map(({ sender }) => sender.state()),
    count() {
      for (const one of running.values()) {
        const state = one.sender.state()
        const { name, requests } = state
        self.add('exportRequests', requests.delivered - one.counted.delivered, name, '')
        self.add('exportRequests', requests.rejected - one.counted.rejected, name, 'rejected')
        self.add('exportRequests', requests.retried - one.counted.retried, name, 'unavailable')
        const { dropped } = state.ledger
        for (const why of dropReasons) self.add('windowsDropped', dropped[why] - one.counted.dropped[why], why, name)
        tell(one, state)
        if (dropped.rejected > one.counted.dropped.rejected)
          log.warn({ endpoint: name, problem: state.lastError }, 'an endpoint refused data, which is dropped for it')
        one.counted = { ...requests, dropped }
      }
    },
    async close(withinMs) {
      const deadline = AbortSignal.timeout(withinMs)
      await Promise.all([...running.values()].map(({ sender }) => sender.drain(deadline)))
      running.clear()
    },
  }
}

/** Tells two configurations of an endpoint apart, secrets included, and shows none. */
const stampOf = (endpoint: Endpoint): string => {
  const headers = Object.entries(endpoint.headers).map(([name, value]) => [name, value.reveal()])
  return createHash('sha256')
    .update(JSON.stringify([endpoint, headers]))
    .digest('hex')
}

/** Our first SVID, and the authorities of our own trust domain: the endpoint is one of us. */
export const clientIdentity =
  (read: ReadIdentity): ReadClientIdentity =>
  async () => {
    const { svids, bundles, caPem } = await read(AbortSignal.timeout(5000))
    const [svid] = svids
    if (!svid) return undefined
    const domain = svid.id?.slice('spiffe://'.length).split('/')[0]
    return { certPem: svid.chainPem, keyPem: svid.key.reveal(), caPem: (domain && bundles.get(domain)?.authoritiesPem) ?? caPem }
  }
