/**
 * An agent: measures its paths on time, keeps what it saw on disk until every endpoint has it, and answers the probes of others. Each part knows
 * nothing of the others; this is where they meet.
 */
import { holdIdentities } from '../probes/identity/held.ts'
import type { AgentConfig } from './config/config.ts'
import type { Link } from './controller/link.ts'
import { openDoors } from './doors.ts'
import { fixedFor } from './fixed.ts'
import { inTurn } from './in-turn.ts'
import { loadAhead } from './load-ahead.ts'
import { completePlace, isIncomplete } from './locate/complete-place.ts'
import type { Found, Locating } from './locate/locate.ts'
import type { Log } from './log.ts'
import { type Me, meOf } from './me.ts'
import type { Measuring } from './measuring.ts'
import { type HeldRules, holdRules } from './rules.ts'
import { saySelfTest } from './say-self-test.ts'
import type { Clock } from './schedule.ts'
import { createSelf, type Self } from './self.ts'
import type { Endpoint } from './send/endpoint.ts'
import { giveBack } from './small-memory.ts'
import { openStorage, type Storage } from './storage.ts'
import { Windows } from './window.ts'
import { startWork, tellInterception } from './work.ts'

export type World = {
  clock: Clock
  random: () => number
  log: Log
  version: string
  environment: Record<string, string | undefined>
  /** Told how many runs a second are due from now on. */
  onPace?: (runsPerSecond: number) => void
  /** Finds out where this machine stands, of what nobody has said (`locate/locate.ts`). */
  locate?: (locating: Locating, signal: AbortSignal) => Promise<Found | undefined>
}

export type Agent = {
  /** Another configuration: what is the same in it goes on undisturbed. Rejects when a part of it can't be started; the old one stands then. */
  reload(config: AgentConfig): Promise<void>
  /** A configuration was refused: counted, and the running one kept. */
  refused(why: string): void
  /**
   * What a controller assigns (wire/assignment.ts), as it came, beside the file's own checks; undefined: nothing any more. Resolves when it runs, with the
   * problems to acknowledge it with. What can't be taken at all is refused, and what was assigned before goes on. `generation` is for the metric of it.
   */
  assign(assignment: unknown, generation?: number): Promise<Assignment>
  /** Where it can be reached. */
  readonly listening: { web?: number; responder?: Record<string, number | null> }
  /** Ends measuring, sends what can be sent until the deadline, writes the rest down. */
  close(deadlineMs: number): Promise<void>
}

/** What came of an assignment: how many paths of it run now, the checks that are for agents of another identity, and what is left out and why. */
export type Assignment = { taken: boolean; paths: number; elsewhere: readonly string[]; problems: readonly string[] }

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
const start = async (config: AgentConfig, world: World, opened: AsyncDisposableStack): Promise<Agent> => {
  const { clock, log } = world
  const rules = holdRules(config)
  const stop = new AbortController()
  const me = meOf(config.self)
  const stands = stand(me, config, world, stop.signal)
  const self = createSelf()
  const windows = new Windows(config.paths, {
    clock: { wallMs: clock.nowMs, monotonicMs: clock.elapsedMs },
    self,
    get source() {
      return me.place
    },
  })
  const end = { withinMs: 0 }
  const identities = holdIdentities(stop.signal)
  opened.defer(() => stop.abort())
  const storage = await openStorage(config, { world, self, windows, me, identities }, opened)
  const link = await linkOf(config, { world, me, storage })
  const listening = await openDoors(config, { windows, self, me, readIdentity: storage.readIdentity, spool: storage.spool }, opened)
  opened.defer(() => storage.senders.close(end.withinMs))
  await storage.setEndpoints(endpointsOf(config, link))
  await loadAhead({ paths: config.paths, endpoints: endpointsOf(config, link) })
  giveBack()
  const measuring = startWork(rules.now(), { world, self, windows, me, storage, identities }, opened)
  saySelfTest(log)
  if (config.self.checkInterception) void tellInterception(measuring, log, stop.signal)
  for (const note of config.notes) log.warn({}, note)

  const running = commands(config, { world, self, me, rules, storage, measuring, link })
  opened.defer(() => link?.close())
  // A controller is told of the zone with the first word; an agent of its own has measured meanwhile.
  if (link) await stands
  await link?.start({
    ports: listening.responder,
    assign: running.assign,
    readOnce: rules.readOnce,
    once: measuring.once,
    watch: measuring.watch,
    endpointChanged: () => void running.renewEndpoints(),
  })
  return {
    listening,
    reload: running.reload,
    assign: running.assign,
    refused: running.refused,
    async close(deadlineMs) {
      end.withinMs = deadlineMs
      stop.abort()
      await opened.disposeAsync()
    },
  }
}

/** Where it stands, as far as that can be found out: beside the start, which does not wait for it; a controller may know better later. Never rejects. */
const stand = async (me: Me, { self }: AgentConfig, { locate, environment, log }: World, signal: AbortSignal): Promise<void> => {
  if (!locate || !isIncomplete(self)) return
  const found = await locate({ environment, node: self.node }, signal)
  if (found) log.info({ ...found.place, by: found.by }, 'found out where this is')
  me.place = completePlace(self, found?.place)
}

/** Nothing of it is loaded without a controller. */
const linkOf = async (
  config: AgentConfig,
  { world, me, storage }: { world: World; me: Me; storage: Storage },
): Promise<Link | undefined> => {
  const { controller } = config
  if (!controller) return undefined
  const { openLink } = await import('./controller/link.ts')
  return openLink({ config, controller, world, me, boot: storage.spool.boot, readIdentity: storage.readIdentity })
}

const endpointsOf = ({ endpoints }: AgentConfig, link: Link | undefined): readonly Endpoint[] =>
  link ? [...endpoints, link.endpoint()] : endpoints

type Running = { world: World; self: Self; me: Me; rules: HeldRules; storage: Storage; measuring: Measuring; link: Link | undefined }

/** What may be changed while it runs: one change at a time. */
const commands = (
  config: AgentConfig,
  { world: { log }, self, me, rules, storage, measuring, link }: Running,
): Pick<Agent, 'reload' | 'assign' | 'refused'> & { renewEndpoints(): Promise<void> } => {
  let file = config
  const change = inTurn()
  return {
    reload: next =>
      change(async () => {
        await storage.setEndpoints(endpointsOf(next, link))
        await loadAhead(next)
        rules.setFile(next)
        measuring.change(rules.now())
        for (const problem of fixedFor(file, next)) log.warn({}, problem)
        file = next
        log.info({ paths: next.paths.length }, 'configuration changed')
      }),
    assign: (assignment, generation) =>
      change(async () => {
        const assigned = rules.assign(assignment)
        if (assigned.kind === 'refused') return { taken: false, paths: 0, elsewhere: [], problems: assigned.problems }
        await loadAhead({ paths: assigned.paths, endpoints: [] })
        measuring.change(rules.now())
        me.generation = generation
        const { paths, elsewhere, problems } = assigned
        log.info({ paths: paths.length, problems }, 'assignment changed')
        return { taken: true, paths: paths.length, elsewhere, problems }
      }),
    renewEndpoints: () => change(() => storage.setEndpoints(endpointsOf(file, link))),
    refused(why) {
      self.add('configRejections', 1, 'invalid')
      log.error({ problem: why }, 'configuration refused, the running one stays')
    },
  }
}
