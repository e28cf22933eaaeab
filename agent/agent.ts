/**
 * An agent: measures its paths on time, keeps what it saw on disk until every endpoint has it, and answers the probes of others. Each part knows
 * nothing of the others; this is where they meet.
 */
import { hostname } from 'node:os'
import { holdIdentities } from '../probes/identity/held.ts'
import type { IdentityChoice } from '../probes/identity/source.ts'
import { load } from '../probes/index.ts'
import { clockErrorMs } from '../probes/net/clock-error.ts'
import type { AgentConfig } from './config/config.ts'
import { interceptionRemedy, isIntercepted, nobody } from './interception.ts'
import type { Log } from './log.ts'
import { startMeasuring } from './measuring.ts'
import { keepOpenWindow, recoverOpenWindow } from './open-window.ts'
import type { Place } from './path.ts'
import { mergeWindowRecords } from './record-merge.ts'
import { startRecording } from './recording.ts'
import { resourceAttributes } from './resource.ts'
import { startResponder } from './responder/responder.ts'
import { sayChanges } from './say-changes.ts'
import type { Clock } from './schedule.ts'
import { createSelf } from './self.ts'
import { selfTest } from './self-test.ts'
import { openSenders } from './senders.ts'
import { giveBack } from './small-memory.ts'
import { openSpool } from './spool/spool.ts'
import { startWeb } from './web.ts'
import { Windows } from './window.ts'

export type World = { clock: Clock; random: () => number; log: Log; version: string; environment: Record<string, string | undefined> }

export type Agent = {
  /** Another configuration: what is the same in it goes on undisturbed. Rejects when a part of it can't be started; the old one stands then. */
  reload(config: AgentConfig): Promise<void>
  /** A configuration was refused: counted, and the running one kept. */
  refused(why: string): void
  /** Where it can be reached. */
  readonly listening: { web?: number; responder?: Record<string, number | null> }
  /** Ends measuring, sends what can be sent until the deadline, writes the rest down. */
  close(deadlineMs: number): Promise<void>
}

const placeOf = ({ self }: AgentConfig): Place | undefined =>
  self.cloud === undefined ? undefined : { cloud: self.cloud, region: self.region ?? '', zone: self.zone }

/** Starts everything; rejects, with nothing left open, when a part of it can't: a port that is taken, a data directory in use. */
export const startAgent = async (given: AgentConfig, world: World): Promise<Agent> => {
  const { clock, log, random } = world
  let config = given
  const stop = new AbortController()
  const source = placeOf(config)
  const self = createSelf()
  const windows = new Windows(config.paths, { clock: { wallMs: clock.nowMs, monotonicMs: clock.elapsedMs }, self, source })
  const resource = resourceAttributes(factsOf(config, world.version, source), world.environment['OTEL_RESOURCE_ATTRIBUTES'])

  const spool = await openSpool({
    directory: `${config.data}/spool`,
    endpoints: config.endpoints.map(({ name }) => name),
    limitBytes: config.spoolLimitBytes,
    merge: mergeWindowRecords,
    nowMs: clock.nowMs,
  })
  const openWindowFile = `${config.data}/open-window`
  for (const record of await recoverOpenWindow(openWindowFile, one => spool.holds(one))) spool.append(record)
  const identities = holdIdentities(stop.signal)
  const readIdentity = hasIdentity(config) ? identities.open(choiceOf(config)) : undefined
  const { environment } = world
  const senders = openSenders({
    spool,
    self,
    log,
    agentId: config.self.id,
    resource,
    readIdentity,
    environment,
    random,
    nowMs: clock.nowMs,
  })
  const closers: (() => Promise<unknown>)[] = [() => spool.close()]
  try {
    await senders.set(config.endpoints)
    const responder =
      config.responder &&
      (await startResponder({
        agentId: config.self.id,
        bind: config.responder.bind,
        ports: portsOf(config),
        identity: readIdentity,
      }))
    if (responder) closers.unshift(() => responder.close())

    const recording = startRecording({
      clock,
      windows,
      source,
      append: record => spool.append(record),
      flush: () => spool.flush(),
      openWindow: config.endpoints.length > 0 ? keepOpenWindow(openWindowFile, spool.boot, () => windows.peek()) : undefined,
      beforeClose: () => {
        const errorMs = clockErrorMs()
        if (errorMs !== undefined && !Number.isNaN(errorMs)) self.set('clockError', errorMs / 1000)
        self.set('spoolBytes', spool.state().bytes)
        senders.count()
      },
      lost: events => self.add('windowsDropped', events, 'too_many_events'),
    })
    await loadAhead(config)
    giveBack()
    const say = sayChanges(log, clock.elapsedMs)
    const measuring = startMeasuring(config, {
      clock,
      self,
      windows,
      onEvent: event => {
        say(event)
        recording.onEvent(event)
      },
      sources: { identity: identities.open },
    })
    const web =
      config.listen &&
      (await startWeb(config.listen, {
        metrics: async () => {
          const { contentType, renderPage } = await import('./metrics-page.ts')
          return { type: contentType, parts: () => renderPage({ windows, self, source, details: false }) }
        },
        problems: () => (spool.state().degraded ? [`spool: ${spool.state().degraded!.detail}`] : []),
      }))
    if (web) closers.unshift(() => web.close())

    tellSelfTest(log)
    if (config.self.checkInterception)
      void isIntercepted(nobody, stop.signal).then(is => {
        measuring.intercepted(is)
        if (is) log.error({ remedy: interceptionRemedy }, 'a proxy in this pod answers every connection: checks over TCP are unmeasured')
      })
    for (const note of config.notes) log.warn({}, note)

    return {
      listening: { web: web?.port, responder: responder?.ports },
      async reload(next) {
        await spool.setEndpoints(next.endpoints.map(({ name }) => name))
        await loadAhead(next)
        await senders.set(next.endpoints)
        measuring.change(next)
        for (const problem of fixedFor(config, next)) log.warn({}, problem)
        config = next
        log.info({ paths: next.paths.length }, 'configuration changed')
      },
      refused(why) {
        self.add('configRejections', 1, 'invalid')
        log.error({ problem: why }, 'configuration refused, the running one stays')
      },
      async close(deadlineMs) {
        stop.abort()
        await measuring.stop()
        await recording.stop()
        await spool.flush()
        await senders.close(deadlineMs)
        for (const close of closers) await close()
      },
    }
  } catch (error) {
    await senders.close(0)
    for (const close of closers) await close().catch(() => {})
    throw error
  }
}

const factsOf = ({ self }: AgentConfig, version: string, place: Place | undefined) => ({
  version,
  agentId: self.id,
  hostName: hostname(),
  place,
  cluster: self.cluster,
  namespace: self.namespace,
  node: self.node,
})

/** What measuring and sending will need, before anything is timed: loading a module stops the event loop for as long as it takes. */
const loadAhead = async ({ paths, endpoints }: AgentConfig): Promise<void> => {
  for (const kind of new Set(paths.map(path => path.kind))) await load(kind)
  if (endpoints.length > 0) await import('./otlp.ts')
}

const hasIdentity = ({ identity }: AgentConfig): boolean => Object.values(identity).some(value => value !== undefined)
/** The same choice as the checks make, so that one stream serves all. */
const choiceOf = ({ identity: { cert, key, ca, bundles, workloadApi } }: AgentConfig): IdentityChoice => ({
  cert,
  key,
  ca,
  bundles,
  workloadApi,
})

const portsOf = ({ responder }: AgentConfig) =>
  responder && { tcp: responder.tcp, udp: responder.udp, tls: responder.tls, mtls: responder.mtls }

const tellSelfTest = (log: Log): void => {
  for (const { what, state, detail, remedy } of selfTest()) {
    const facts = remedy === undefined ? { what, state } : { what, state, remedy }
    if (state === 'ok') log.info(facts, detail)
    else log.warn(facts, detail)
  }
}

/** What only a restart changes. */
const fixedFor = (before: AgentConfig, after: AgentConfig): string[] =>
  (['self', 'identity', 'responder', 'listen', 'data', 'spoolLimitBytes'] as const)
    .filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map(
      name =>
        `${name === 'self' ? 'agent' : name === 'spoolLimitBytes' ? 'spool' : name}: changed in the file, and takes effect at the next start`,
    )
