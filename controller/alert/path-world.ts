/** What has to be known of the surroundings of each path before it is judged. */
import type { Cause } from '../../wire/causes.ts'
import type { Evaluation } from './evaluation.ts'
import { matchesPath } from './matching.ts'
import { baseTarget } from './paths.ts'
import type { Rules } from './rules.ts'
import type { AlertAgent, Surroundings } from './surroundings.ts'

export type PathWorld = {
  readonly nowMs: number
  readonly rules: Rules
  /** How often its check runs; 10 s where nothing says. */
  everyMs(path: number): number
  isExpectedAuthorized(path: number): boolean
  /** Its agent is late or lost, or its paths are under maintenance. */
  isBlindfold(path: number): boolean
  causeOf(path: number): Cause | undefined
}
type Known = Pick<Evaluation, 'paths' | 'windows' | 'fleetwise' | 'diagnoses' | 'idOf'>

/** What it measures is its own affair: it was taken out, or goes. */
const isUnfit = (agent: AlertAgent | undefined): boolean => agent !== undefined && (agent.isCordoned || agent.state === 'draining')

/** An agent that is late with its own runs answers those of others late too, or not at all: no word about the network. */
const isTargetLate = ({ paths, windows: { lateAgents } }: Known, path: number): boolean => {
  if (lateAgents.size === 0) return false
  const target = baseTarget(paths.labels[path]!.target)
  return target.startsWith('agent/') && lateAgents.has(target.slice('agent/'.length))
}

export const worldOf = (known: Known, { nowMs, rules, maintenance, agents }: Surroundings): PathWorld => {
  const { paths, windows, fleetwise, diagnoses } = known
  const active = maintenance.filter(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs)
  const blind = Uint8Array.from(paths.agentNames.all, name => Number(isUnfit(agents.get(name)) || windows.lateAgents.has(name)))
  const labelsOf = (path: number) => paths.labels[path]!
  return {
    nowMs,
    rules,
    everyMs: path => fleetwise.everyMs(labelsOf(path).check),
    isExpectedAuthorized: path => fleetwise.isExpectedAuthorized(labelsOf(path).check),
    isBlindfold: path => {
      if (blind[paths.agent[path]!] === 1 || isTargetLate(known, path)) return true
      return active.length > 0 && active.some(({ match }) => matchesPath(match, paths.agents[path]!, labelsOf(path)))
    },
    causeOf: path => diagnoses.of(known.idOf(path))?.cause,
  }
}
