/** An agent under a controller: it is one of the fleet, does what it is told, and sends what it has measured. Loaded only when there is a controller. */
import { pickSvid, type ReadIdentity } from '../../probes/identity/identity.ts'
import type { AnyResult } from '../../wire/result.ts'
import type { Assignment, World } from '../agent.ts'
import type { AgentConfig, ControllerConfig } from '../config/config.ts'
import type { Me } from '../me.ts'
import type { Path } from '../path.ts'
import type { Responder } from '../responder/responder.ts'
import type { Endpoint } from '../send/endpoint.ts'
import { clientIdentity } from '../senders.ts'
import { openAssignments } from './assignments.ts'
import { type Credential, readKeptCredential } from './credential.ts'
import { advertiseOf, type Said, servesOf } from './enrolment.ts'
import { follow } from './follow.ts'
import { openKeep } from './kept.ts'
import { openLine } from './line.ts'
import { localAddressTo } from './local-address.ts'
import { type Membership, noProof, startMembership } from './membership.ts'
import { readRunMessage } from './messages.ts'
import { readProof } from './proof.ts'
import { openAcknowledging, report, sayGoodbye } from './report.ts'
import { openRuns } from './runs.ts'
import type { WatchNow } from './watching.ts'

/** What the rest of the agent is to it. */
export type Around = {
  config: AgentConfig
  controller: ControllerConfig
  world: World
  /** Is changed when the controller says who we are. */
  me: Me
  /** Of this life of the process. */
  boot: string
  readIdentity?: ReadIdentity
}

/** What it does with the agent, once that runs. */
export type Hands = {
  /** Ports of the responder. */
  ports?: Responder['ports']
  assign: (work: unknown, generation: number) => Promise<Assignment>
  readOnce: (work: unknown) => { paths: readonly Path[]; problems: readonly string[] }
  once: (path: Path, signal: AbortSignal) => Promise<AnyResult>
  watch: WatchNow
  /** Whom to trust may be known only now. */
  endpointChanged: () => void
}

export type Link = {
  /** The controller as one more endpoint of results. */
  endpoint(): Endpoint
  start(hands: Hands): Promise<void>
  close(): Promise<void>
}

type Timing = { silenceMs?: number; trialMs?: number }

/** Throws, in words, when there is nothing to enrol with and never was. From now on the agent is who it was before. */
export const openLink = (around: Around, timing: Timing = {}): Link => {
  const { config, controller, world, me, readIdentity } = around
  const stop = new AbortController()
  const keep = openKeep(config.data, controller.url)
  const kept = readKeptCredential(keep)
  if (kept) become(me, kept)
  else if (!readProof(controller).ok && controller.tokenFile === undefined)
    throw new Error(`controller: ${sayNoProof(controller)}; want ${noProof}`)
  const line = openLine({
    config: controller,
    keep,
    environment: world.environment,
    readSvid: readIdentity && clientIdentity(readIdentity),
  })
  let membership: Membership | undefined
  const closers: (() => Promise<unknown>)[] = []
  let farewell: () => Promise<void> = async () => {}

  return {
    endpoint: () => ({
      ...line.endpoint(),
      bearer: async signal => (membership?.now() ?? (await membership?.held(signal)))?.token,
      renewed: async (token, signal) => {
        membership?.doubt({ token })
        await membership?.held(signal)
      },
    }),
    async start(hands) {
      const parts = { ...around, line, keep, said: saidBy(around, hands.ports), ...partsOf(world) }
      membership = startMembership(
        {
          ...parts,
          config: controller,
          // The zone is the one thing that a proof may not know, and may have been found out.
          self: { ...config.self, zone: config.self.zone ?? me.place?.zone },
          onGiven: credential => {
            become(me, credential)
            hands.endpointChanged()
          },
        },
        stop.signal,
      )
      const telling = { ...parts, membership }
      const acknowledging = openAcknowledging(telling, stop.signal)
      const assignments = openAssignments({
        ...timing,
        keep,
        log: world.log,
        version: world.version,
        assign: hands.assign,
        acknowledge: acknowledging.tell,
      })
      await assignments.resume()
      const runs = openRuns(
        {
          read: hands.readOnce,
          once: hands.once,
          watch: hands.watch,
          tell: (id, part, waited) => report(telling, `/v1/runs/${encodeURIComponent(id)}/results`, part, waited),
        },
        stop.signal,
      )
      const following = follow(
        {
          ...telling,
          ...timing,
          revision: assignments.revision,
          onAssignment: data => void assignments.take(data),
          onRun: data => {
            const run = readRunMessage(data)
            if (run.ok) void runs.start(run.value)
            else world.log.warn({ problems: run.problems }, 'a run was asked for that cannot be read')
          },
        },
        stop.signal,
      )
      farewell = () => sayGoodbye(telling, assignments.revision())
      closers.push(
        assignments.close,
        () => following,
        acknowledging.ended,
        () => membership!.ended,
      )
    },
    async close() {
      await farewell()
      stop.abort()
      for (const close of closers) await close()
      line.close()
    },
  }
}

/** The time is that of the start and what has passed since: a clock that is set ends no credential. */
const partsOf = ({ log, random, clock }: World) => {
  const startMs = clock.nowMs() - clock.elapsedMs()
  return { log, random, nowMs: () => startMs + clock.elapsedMs() }
}

const sayNoProof = (controller: ControllerConfig): string => {
  const proof = readProof(controller)
  return ['nothing to prove who this agent is with', ...(proof.ok ? [] : proof.problems)].join('; ')
}

/** The controller's word on who this agent is and where it stands. */
const become = (me: Me, { agentId, location }: Credential): void => {
  const { cloud, region, zone, cluster, node } = location
  Object.assign(me, { id: agentId, place: { cloud, region, zone }, cluster: cluster ?? me.cluster, node: node ?? me.node })
}

const svidWithinMs = 5_000

const saidBy =
  ({ config, controller, world, boot, readIdentity }: Around, ports: Responder['ports'] | undefined) =>
  async (): Promise<Said> => {
    const { hostname, port, protocol } = new URL(controller.url)
    const host = hostname.replace(/^\[|\]$/g, '')
    const local = ports && (await localAddressTo(host, Number(port) || (protocol === 'https:' ? 443 : 80)))
    const svid = readIdentity && pickSvid(await readIdentity(AbortSignal.timeout(svidWithinMs)))
    return {
      labels: config.self.labels,
      advertise: ports ? advertiseOf(config.self.advertise, ports, local) : [],
      details: { version: world.version, boot, ...(svid?.id ? { spiffeId: svid.id } : {}), serves: ports ? servesOf(ports) : [] },
    }
  }
