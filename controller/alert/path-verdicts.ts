/** Paths as localisation sees them: what each is, said once, and how it is now. */
import type { PathDirection } from '../../wire/causes.ts'
import type { Kind } from '../../wire/result.ts'
import { linkOf } from '../history/query.ts'
import { pathIdOf } from '../history/question.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import type { Fleetwise } from './fleetwise.ts'
import { baseTarget, type Paths } from './paths.ts'
import type { AlertAgent } from './surroundings.ts'

type Constant = Omit<PathVerdict, 'verdict' | 'layer' | 'reason' | 'direction'>
export type Judged = { verdict: PathVerdict['verdict']; badness?: Badness; direction?: PathDirection }

const trustDomainOf = (id: string | undefined): string | undefined => (id === undefined ? undefined : /^spiffe:\/\/([^/]+)/.exec(id)?.[1])

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

  of(path: number, agents: ReadonlyMap<string, AlertAgent>, { targets, vias }: Pick<Fleetwise, 'targets' | 'vias'>): Constant {
    const known = this.#constants[path]
    if (known) return known
    const [labels, agent] = [this.#paths.labels[path]!, this.#paths.agents[path]!]
    const base = baseTarget(labels.target)
    const toAgent = base.startsWith('agent/') ? base.slice('agent/'.length) : undefined
    const from = placesOf(agents.get(agent))
    const to = placesOf(toAgent === undefined ? undefined : agents.get(toAgent))
    const destination = labels.destination
    const target = targets.get(labels.target)
    const via = vias.get(linkOf(labels))
    const trustDomain = target?.expectTrustDomain ?? trustDomainOf(target?.expectId)
    const made: Constant = {
      path: pathIdOf(labels, agent),
      agent,
      ...from,
      ...(labels.source && { cloud: labels.source.cloud, region: `${labels.source.cloud}/${labels.source.region}` }),
      target: base,
      ...(toAgent !== undefined && { toAgent }),
      ...(to.node !== undefined && { toNode: to.node }),
      ...(to.zone !== undefined && { toZone: to.zone }),
      ...(destination && { toRegion: `${destination.cloud}/${destination.region}`, toCloud: destination.cloud }),
      ...(via !== undefined && { via }),
      check: labels.check,
      kind: labels.kind as Kind,
      ...(labels.networkType === 'ipv6' ? { family: 6 as const } : labels.networkType === 'ipv4' ? { family: 4 as const } : {}),
      ...(trustDomain !== undefined && { trustDomain }),
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
