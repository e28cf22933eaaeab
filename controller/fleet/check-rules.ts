/** What a check must keep besides its schema: the options of its kind, times that fit together, targets that the kind can be sent to. */

import { readOptions } from '../../wire/check-options.ts'
import type { FleetCheck, FleetTarget } from '../../wire/fleet.ts'
import type { Options } from '../../wire/options.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import type { Kind } from '../../wire/result.ts'
import { parseTarget } from '../../wire/target.ts'
import { formatDuration } from '../../wire/values.ts'
import { dayMs, durationProblems, msOf } from './duration.ts'
import type { Placed } from './sound.ts'

/** The time that a run may take: what the check says, else its kind, never more than its interval. */
export const timeoutMsOf = (check: FleetCheck): number => {
  if (check.timeout !== undefined) return msOf(check.timeout)
  return Math.min(readOptions(check.kind, {}).value.timeoutMs, msOf(check.every))
}

export const checkProblems = ({ value: check, steps }: Placed<FleetCheck>, targets: ReadonlyMap<string, FleetTarget>): Finding[] => [
  ...durationProblems(check.every, 100, dayMs, [...steps, 'every']),
  ...durationProblems(check.timeout, 10, dayMs, [...steps, 'timeout']),
  ...durationProblems(check.lateness, 1, 60_000, [...steps, 'lateness']),
  ...timeoutProblems(check, steps),
  ...optionProblems(check, check.kind, [...steps, 'options']),
  ...targetProblems(check, targets, steps),
]

const timeoutProblems = (check: FleetCheck, steps: Steps): Finding[] =>
  check.timeout !== undefined && msOf(check.timeout) > msOf(check.every)
    ? [{ steps: [...steps, 'timeout'], message: `${check.timeout} is longer than every: ${check.every}; runs of a path do not overlap` }]
    : []

const optionProblems = (check: FleetCheck, kind: Kind, steps: Steps): Finding[] => {
  const given = (check.options ?? {}) as Record<string, unknown>
  const { value, problems } = readOptions(kind, given)
  const found: Finding[] = problems.map(finding => ({ ...finding, steps: [...steps, ...finding.steps] }))
  for (const name of Object.keys(given)) {
    if (name === 'timeout' || name === 'timeoutMs')
      found.push({ steps: [...steps, name], isKey: true, message: 'write timeout beside kind and every, not among the options' })
    if (kind === 'tls' && (name === 'key' || name === 'cert'))
      found.push({
        steps: [...steps, name],
        isKey: true,
        message: 'a secret does not belong in this file: use kind mtls with keyFile and certFile',
      })
  }
  return found.length ? found : [...provokingProblems(check, value, steps), ...icmpTimeProblems(check, value, steps)]
}

/** Runs that provoke a refusal on purpose fill other people's logs. */
const provokeMs = 300_000
const provokingProblems = (check: FleetCheck, options: Options[Kind], steps: Steps): Finding[] =>
  (['negative', 'sniPair'] as const)
    .filter(name => (options as Record<string, unknown>)[name] === true && msOf(check.every) < provokeMs)
    .map(name => ({
      steps: [...steps, name],
      message: `provokes a refusal on purpose, at most every ${formatDuration(provokeMs)}: write a check of its own with every: 5m`,
    }))

const icmpTimeProblems = (check: FleetCheck, options: Options[Kind], steps: Steps): Finding[] => {
  if (check.kind !== 'icmp') return []
  const { count, intervalMs } = options as Options['icmp']
  const sendingMs = (count - 1) * intervalMs
  const timeoutMs = timeoutMsOf(check)
  if (sendingMs < timeoutMs) return []
  const message = `${count} echoes every ${formatDuration(intervalMs)} take ${formatDuration(sendingMs)}, and a run has ${formatDuration(timeoutMs)}: it would never finish`
  return [{ steps, isKey: true, message }]
}

const targetProblems = (check: FleetCheck, targets: ReadonlyMap<string, FleetTarget>, steps: Steps): Finding[] =>
  (check.targets ?? []).flatMap((name, index): Finding[] => {
    const address = targets.get(name)?.address
    const parsed = address === undefined ? undefined : parseTarget(address)
    if (!parsed?.ok) return []
    const at = [...steps, 'targets', index]
    if (check.kind === 'tcp' && parsed.value.port === undefined)
      return [{ steps: at, message: `a tcp check needs a port, and ${name} has the address ${address}` }]
    if (check.kind === 'dns' && parsed.value.family !== undefined)
      return [{ steps: at, message: `a dns check looks a name up, and ${name} has the address ${address}` }]
    return []
  })
