/**
 * An agent: measures its paths on time, keeps what it saw on disk until every endpoint has it, and answers the probes of others. Each part knows
 * nothing of the others; this is where they meet.
 */
import { holdIdentities } from '../probes/identity/held.ts'
import type { AgentConfig } from './config/config.ts'
import { openDoors } from './doors.ts'
import { fixedFor } from './fixed.ts'
import { interceptionRemedy, isIntercepted, nobody } from './interception.ts'
import { loadAhead } from './load-ahead.ts'
import type { Log } from './log.ts'
import { startMeasuring } from './measuring.ts'
import { placeOf } from './path.ts'
import { startRecording } from './recording.ts'
import { sayChanges } from './say-changes.ts'
import { saySelfTest } from './say-self-test.ts'
import type { Clock } from './schedule.ts'
import { createSelf } from './self.ts'
import { giveBack } from './small-memory.ts'
import { openStorage } from './storage.ts'
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

/** Starts everything; rejects, with nothing left open, when a part of it can't: a port that is taken, a data directory in use. */
export const startAgent = async (config: AgentConfig, world: World): Promise<Agent> => {
  const opened = new AsyncDisposableStack()
  try {
    return await start(config, world, opened)
  } catch (error) {
    await opened.disposeAsync().catch(() => {})
    throw error
  }
}

/** What is opened first is closed last: measuring ends before that is written down, and that before it is sent. */
const start = async (given: AgentConfig, world: World, opened: AsyncDisposableStack): Promise<Agent> => {
  const { clock, log } = world
  let config = given
  const source = placeOf(config.self)
  const self = createSelf()
  const windows = new Windows(config.paths, { clock: { wallMs: clock.nowMs, monotonicMs: clock.elapsedMs }, self, source })
  const stop = new AbortController()
  const end = { withinMs: 0 }
  const identities = holdIdentities(stop.signal)
  opened.defer(() => stop.abort())
  const storage = await openStorage(config, { world, self, windows, source, identities }, opened)
  const listening = await openDoors(config, { windows, self, source, readIdentity: storage.readIdentity, spool: storage.spool }, opened)
  opened.defer(() => storage.senders.close(end.withinMs))
  await storage.senders.set(config.endpoints)
  await loadAhead(config)
  giveBack()
  const recording = startRecording({ clock, windows, source, ...storage.recording })
  opened.defer(() => recording.stop().then(() => storage.spool.flush()))
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
  opened.defer(() => measuring.stop())
  saySelfTest(log)
  if (config.self.checkInterception)
    void isIntercepted(nobody, stop.signal).then(is => {
      measuring.intercepted(is)
      if (is) log.error({ remedy: interceptionRemedy }, 'a proxy in this pod answers every connection: checks over TCP are unmeasured')
    })
  for (const note of config.notes) log.warn({}, note)

  return {
    listening,
    async reload(next) {
      await storage.setEndpoints(next.endpoints)
      await loadAhead(next)
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
      end.withinMs = deadlineMs
      stop.abort()
      await opened.disposeAsync()
    },
  }
}
