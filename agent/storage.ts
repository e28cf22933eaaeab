/** What an agent keeps until it is sent: the spool, what the process before it had measured last, and a sender for each endpoint. */
import { hostname } from 'node:os'
import type { ReadIdentity } from '../probes/identity/identity.ts'
import type { IdentityChoice } from '../probes/identity/source.ts'
import { clockErrorMs } from '../probes/net/clock-error.ts'
import type { World } from './agent.ts'
import type { AgentConfig } from './config/config.ts'
import { controllerEndpoint, controllerSignals } from './config/controller.ts'
import { choiceOf, hasIdentity } from './config/identity-choice.ts'
import type { Me } from './me.ts'
import { keepOpenWindow, recoverOpenWindow } from './open-window.ts'
import { mergeWindowRecords } from './record-merge.ts'
import type { RecordingParts } from './recording.ts'
import { resourceAttributes } from './resource.ts'
import type { Self } from './self.ts'
import { signals as allSignals, type Endpoint, type Signal, signalOf } from './send/endpoint.ts'
import { openSenders, type Senders } from './senders.ts'
import { DirectoryInUse } from './spool/lock.ts'
import { openSpool, type Spool } from './spool/spool.ts'
import type { Windows } from './window.ts'

export type Storage = {
  spool: Spool
  senders: Senders
  readIdentity?: ReadIdentity
  setEndpoints(endpoints: readonly Endpoint[]): Promise<void>
  /** What recording needs of it. */
  recording: Pick<RecordingParts, 'append' | 'isKept' | 'flush' | 'openWindow' | 'beforeClose' | 'lost'>
}

type Around = {
  world: World
  self: Self
  windows: Windows
  me: Me
  identities: { open: (choice: IdentityChoice) => ReadIdentity }
}

/** Opens it; rejects with `DirectoryInUse` only, and says what to change. The spool is added to `opened`; senders have nothing to close until endpoints are set. */
export const openStorage = async (config: AgentConfig, around: Around, opened: AsyncDisposableStack): Promise<Storage> => {
  const { world, self, windows, me } = around
  let signals = signalsOf(config.endpoints)
  const spool = await openSpool({
    directory: `${config.data}/spool`,
    endpoints: namesOf(config),
    takes: (endpoint, kind) => (signals.get(endpoint) ?? allSignals).includes(signalOf[kind]),
    limitBytes: config.spoolLimitBytes,
    merge: mergeWindowRecords,
    nowMs: world.clock.nowMs,
  }).catch(sayRemedy)
  opened.defer(() => spool.close())
  const file = `${config.data}/open-window`
  for (const record of await recoverOpenWindow(file, one => spool.holds(one))) spool.append(record)
  const readIdentity = hasIdentity(config) ? around.identities.open(choiceOf(config)) : undefined
  const senders = openSenders(senderParts(around, spool, readIdentity))
  return {
    spool,
    senders,
    readIdentity,
    async setEndpoints(endpoints) {
      signals = signalsOf(endpoints)
      await spool.setEndpoints(endpoints.map(({ name }) => name))
      await senders.set(endpoints)
    },
    recording: {
      append: record => spool.append(record),
      isKept: kind => spool.isTaken(kind),
      flush: () => spool.flush(),
      openWindow: namesOf(config).length > 0 ? () => keepOpenWindow(file, spool.boot, () => windows.peek()) : undefined,
      beforeClose: () => {
        const errorMs = clockErrorMs()
        if (errorMs !== undefined && !Number.isNaN(errorMs)) self.set('clockError', errorMs / 1000)
        if (me.generation !== undefined) self.set('assignmentGeneration', me.generation)
        self.set('spoolBytes', spool.state().bytes)
        senders.count()
      },
      lost: (items, kind) => self.add('windowsDropped', items, `too_many_${kind}`),
    },
  }
}

const sayRemedy = (error: unknown): never => {
  if (error instanceof DirectoryInUse) error.message += '; give this one its own: --data, CAUSEWAY_DATA or data in the file'
  throw error
}

/** Of all that data is kept for: the controller too, before it has let us in. */
const namesOf = ({ endpoints, controller }: AgentConfig): string[] => [
  ...endpoints.map(({ name }) => name),
  ...(controller ? [controllerEndpoint] : []),
]

/** Which each takes; what waits for one that takes it no more is still sent. */
const signalsOf = (endpoints: readonly Endpoint[]): ReadonlyMap<string, readonly Signal[]> =>
  new Map([[controllerEndpoint, controllerSignals], ...endpoints.map(({ name, signals = allSignals }) => [name, signals] as const)])

const senderParts = ({ world, self, me }: Around, spool: Spool, readIdentity: ReadIdentity | undefined) => ({
  spool,
  self,
  log: world.log,
  agentId: () => me.id,
  resource: resourceBy(me, world),
  readIdentity,
  environment: world.environment,
  random: world.random,
  nowMs: world.clock.nowMs,
})

/** The same object as long as we are the same. */
const resourceBy = (me: Me, { version, environment }: World): (() => Record<string, string>) => {
  let made: { of: string; resource: Record<string, string> } | undefined
  return () => {
    const { id, generation: _, ...rest } = me
    const of = JSON.stringify([id, rest])
    if (made?.of !== of)
      made = {
        of,
        resource: resourceAttributes({ version, agentId: id, hostName: hostname(), ...rest }, environment['OTEL_RESOURCE_ATTRIBUTES']),
      }
    return made.resource
  }
}
