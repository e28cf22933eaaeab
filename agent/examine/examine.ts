/** Everything that an agent of this configuration needs where it stands, found out by trying: what `probe doctor` says. Nothing is changed by it, and no proof is used up. */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Identity, pickSvid, type ReadIdentity } from '../../probes/identity/identity.ts'
import type { AgentConfig } from '../config/config.ts'
import { interceptionRemedy, isIntercepted } from '../interception.ts'
import { completePlace } from '../locate/complete-place.ts'
import type { Found } from '../locate/locate.ts'
import { type Finding, selfTest } from '../self-test.ts'
import { examineController } from './controller.ts'

export type Surroundings = {
  environment: NodeJS.ProcessEnv
  nowMs: () => number
  /** Undefined: nothing says where an identity would come from. */
  readIdentity?: ReadIdentity
  locate: (signal: AbortSignal) => Promise<Found | undefined>
  /** Where nobody can be: who answers there answers everything. */
  nobody: { address: string; port: number }
}

/** In the order in which they matter; at the same time. Never rejects. */
export const examine = async (config: AgentConfig, around: Surroundings, signal: AbortSignal): Promise<Finding[]> => {
  const { controller } = config
  const [identity, place, intercepted, ofController] = await Promise.all([
    examineIdentity(around, signal),
    examinePlace(config, around, signal),
    config.self.checkInterception ? isIntercepted(around.nobody, signal) : undefined,
    controller ? examineController(config, controller, around, signal) : [],
  ])
  return [...selfTest(), ...sayInterception(intercepted), examineData(config.data), ...identity, place, ...ofController]
}

const sayInterception = (is: boolean | undefined): Finding[] => {
  if (is === undefined) return []
  const what = 'interception'
  return is
    ? [
        {
          what,
          state: 'missing',
          detail: 'a proxy here answers every connection: checks over TCP measure that proxy',
          remedy: interceptionRemedy,
        },
      ]
    : [{ what, state: 'ok', detail: 'nobody answers in the place of others' }]
}

/** The nearest directory that there is has to take what will be made in it. */
const examineData = (data: string): Finding => {
  let directory = data
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory)
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return { what: 'data', state: 'ok', detail: `${data} can be written` }
  } catch {
    const detail = `${directory} cannot be written: results wait in memory only, and a restart needs a new proof`
    return {
      what: 'data',
      state: 'missing',
      detail,
      remedy: `--data <directory>, or a volume at ${data} that user ${process.getuid?.() ?? ''} may write to`,
    }
  }
}

const examinePlace = async ({ self }: AgentConfig, { locate }: Surroundings, signal: AbortSignal): Promise<Finding> => {
  const found = await locate(signal)
  const place = completePlace(self, found?.place)
  const what = 'location'
  if (place?.region)
    return {
      what,
      state: 'ok',
      detail: `${[place.cloud, place.region, place.zone].filter(Boolean).join('/')}${found ? `, with the ${found.by}` : ''}`,
    }
  const remedy = '--cloud and --region; in Kubernetes CAUSEWAY_NODE and the right to get nodes; a controller knows those of its clusters'
  return { what, state: 'limited', detail: 'nothing says where this is', remedy }
}

const identityMs = 5_000

const examineIdentity = async ({ readIdentity, nowMs }: Surroundings, signal: AbortSignal): Promise<Finding[]> => {
  if (!readIdentity)
    return [
      {
        what: 'identity',
        state: 'limited',
        detail: 'none: mtls checks and the mTLS responder need one',
        remedy: '--workload-api, or SPIFFE_ENDPOINT_SOCKET',
      },
    ]
  const identity = await readIdentity(AbortSignal.any([signal, AbortSignal.timeout(identityMs)]))
  return [
    sayIdentity(identity, nowMs()),
    ...identity.problems.map(({ detail }): Finding => ({ what: 'identity', state: 'limited', detail })),
  ]
}

const sayIdentity = (identity: Identity, nowMs: number): Finding => {
  const svid = pickSvid(identity)
  const what = 'identity'
  if (!svid)
    return { what, state: 'missing', detail: `${identity.source}: gives no certificate`, remedy: 'a registration entry for this workload' }
  const leftMs = svid.notAfterMs - nowMs
  const who = svid.id ?? 'a certificate without a SPIFFE ID'
  if (leftMs <= 0)
    return { what, state: 'missing', detail: `${who} has expired`, remedy: 'look at the SPIRE agent of this node, and at the clock' }
  const bundles = [...identity.bundles.keys()]
  return {
    what,
    state: 'ok',
    detail: `${who}, for ${Math.floor(leftMs / 60_000)} minutes more; bundles of ${bundles.join(', ') || 'nobody'}`,
  }
}
