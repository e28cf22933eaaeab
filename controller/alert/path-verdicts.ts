/** Paths as localisation sees them: what each is, said once, and how it is now. */
import type { PathDirection } from '../../wire/causes.ts'
import type { Kind } from '../../wire/result.ts'
import { regionOf } from '../fleet/select.ts'
import type { PathLabels } from '../history/labels.ts'
import { pathIdOf } from '../history/question.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import type { Fleetwise } from './fleetwise.ts'
import { baseTarget, type Paths } from './paths.ts'
import type { AlertAgent } from './surroundings.ts'

type Constant = Omit<PathVerdict, 'verdict' | 'layer' | 'reason' | 'direction'>
export type Judged = { verdict: PathVerdict['verdict']; badness?: Badness; direction?: PathDirection }

const placesOf = (agent: AlertAgent | undefined): Pick<Constant, 'cloud' | 'region' | 'zone' | 'node'> => {
  if (!agent) return {}
  const { cloud, region, zone, node, cluster } = agent.location
  const whole = `${cloud}/${region}`
  return {
    cloud,
    region: whole,
    ...(zone !== undefined && { zone: `${whole}/${zone}` }),
    ...(node !== undefined && { node: cluster === undefined ? node : `${cluster}/${node}` }),
  }
}

const carriedBy = (via: string | undefined): Pick<Constant, 'via'> => (via === undefined ? {} : { via })

const asked: readonly string[] = ['mtls', 'bundle'] satisfies Kind[]
/** Who vouches for the far end; of a federated credential, who signs the token of this end. */
const vouchedBy = (
  { check, kind, target }: PathLabels,
  fleetwise: Fleetwise,
  own: AlertAgent | undefined,
  far: AlertAgent | undefined,
): Pick<Constant, 'trustDomain' | 'issuer'> => {
  const trustDomain = fleetwise.trustDomainOf(check, target) ?? (asked.includes(kind) ? far?.trustDomain : undefined)
  const issuer = kind === 'federation' ? fleetwise.issuerOf(check, own?.location.cluster) : undefined
  return { ...(trustDomain !== undefined && { trustDomain }), ...(issuer !== undefined && { issuer }) }
}

export class PathVerdicts {
  readonly #paths: Paths
  readonly #constants: (Constant | undefined)[] = []
  #of: { agents: unknown; targets: unknown } = { agents: undefined, targets: undefined }

  constructor(paths: Paths) {
    this.#paths = paths
  }

  /** Where agents are and what targets are called has changed: everything is said anew. */
  renew(agents: unknown, targets: unknown): void {
    if (this.#of.agents === agents && this.#of.targets === targets) return
    this.#of = { agents, targets }
    this.#constants.length = 0
  }
  forget(path: number): void {
    this.#constants[path] = undefined
  }

  of(path: number, agents: ReadonlyMap<string, AlertAgent>, fleetwise: Fleetwise): Constant {
    const known = this.#constants[path]
    if (known) return known
    const [labels, agent] = [this.#paths.labels[path]!, this.#paths.agents[path]!]
    const base = baseTarget(labels.target)
    const toAgent = base.startsWith('agent/') ? base.slice('agent/'.length) : undefined
    const [own, far] = [agents.get(agent), toAgent === undefined ? undefined : agents.get(toAgent)]
    const [from, to] = [placesOf(own), placesOf(far)]
    const { source, destination } = labels
    const made: Constant = {
      path: pathIdOf(labels, agent),
      agent,
      ...from,
      ...(source && { cloud: source.cloud, region: regionOf(source) }),
      target: base,
      ...(toAgent !== undefined && { toAgent }),
      ...(to.node !== undefined && { toNode: to.node }),
      ...(to.zone !== undefined && { toZone: to.zone }),
      ...(destination && { toRegion: regionOf(destination), toCloud: destination.cloud }),
      ...carriedBy(source && destination && fleetwise.hubOf(regionOf(source), regionOf(destination))),
      check: labels.check,
      kind: labels.kind as Kind,
      ...(labels.networkType === 'ipv6' ? { family: 6 as const } : labels.networkType === 'ipv4' ? { family: 4 as const } : {}),
      ...vouchedBy(labels, fleetwise, own, far),
    }
    this.#constants[path] = made
    return made
  }
}

export const verdictOf = (constant: Constant, { verdict, badness, direction }: Judged): PathVerdict => ({
  ...constant,
  verdict,
  ...(badness && { layer: badness.layer, ...(badness.reason && { reason: badness.reason }) }),
  ...(direction && { direction }),
})
