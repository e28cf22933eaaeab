/** What an agent is sent of a run: targets and checks as in an assignment. */
import type { AssignedCheck, AssignedTarget } from '../../wire/assignment.ts'
import { readOptions } from '../../wire/check-options.ts'
import { type Problem, printSteps } from '../../wire/problem.ts'
import type { Kind } from '../../wire/result.ts'
import { parseTarget } from '../../wire/target.ts'
import { doorOf } from '../plan/assignments.ts'
import type { Chosen } from './choose.ts'

/** Whoever may ask for a run may not have the agent read its files, connect from another address, or send what is not a probe's. */
const ownOptions: readonly string[] = [
  'source',
  'ca',
  'cert',
  'key',
  'certFile',
  'keyFile',
  'caFile',
  'bundles',
  'workloadApi',
  'body',
  'headers',
  'holdMs',
  'holdEveryMs',
  'tokenFrom',
  'tokenFile',
  'tokenUrl',
  'credentialsFile',
  'environment',
  'endpoint',
  'iamEndpoint',
  'callUrl',
  'callBody',
]
/** Also what takes longer than people wait. */
const longestMs = 120_000

type Given = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export const optionProblems = (kinds: readonly Kind[], options: Given): Problem[] =>
  Object.entries(options).flatMap(([kind, given]): Problem[] => {
    const known = kinds.find(one => one === kind)
    if (!known) return [{ path: `options.${kind}`, message: `${kind} is not among the kinds of this run: ${kinds.join(', ')}` }]
    const { value, given: names, problems } = readOptions(known, given)
    const refused = Object.keys(names).filter(name => ownOptions.includes(name))
    return [
      ...problems.map(({ steps, message }) => ({ path: printSteps(['options', kind, ...steps]), message })),
      ...refused.map(name => ({
        path: `options.${kind}.${name}`,
        message: 'is not for a run that is asked for: write a check into the fleet',
      })),
      ...(problems.length === 0 && value.timeoutMs > longestMs
        ? [{ path: `options.${kind}.timeout`, message: `want at most ${longestMs / 1000}s` }]
        : []),
    ]
  })

/**
 * What is measured when nobody says what. `target`: of the fleet; undefined: agents. `own`: the kinds that the fleet runs on it, without which a run would call well
 * what is known to fail.
 */
export const defaultKinds = (target: AssignedTarget | undefined, own: readonly Kind[] = []): Kind[] => {
  const parsed = target && parseTarget(target.address)
  if (!parsed?.ok) return ['icmp', 'tcp', 'mtu']
  const { port, family } = parsed.value
  const usual = [
    ...(family === undefined ? (['dns'] as const) : []),
    'icmp',
    ...(port === undefined ? [] : (['tcp'] as const)),
    'mtu',
  ] as const
  return [...usual, ...own.filter(kind => !usual.some(one => one === kind))]
}

export type RunBody = { targets: AssignedTarget[]; checks: AssignedCheck[] }

/** Without checks of which the agent at the other end has no port. */
export const runBody = ({ targetFor, peer }: Chosen, kinds: readonly Kind[], options: Given): RunBody => {
  const targets = new Map<string, AssignedTarget>()
  const checks = kinds.flatMap((kind): AssignedCheck[] => {
    const door = peer ? doorOf(peer, kind) : 'echo'
    if (!door) return []
    const target = targetFor(door)
    targets.set(target.name, target)
    const { given } = readOptions(kind, options[kind] ?? {})
    const { timeoutMs, ...rest } = given as { timeoutMs?: number }
    const timeout = timeoutMs === undefined ? {} : { timeout: `${timeoutMs}ms` }
    // `every` says nothing here, and must not be below the time that a run takes.
    return [
      {
        name: `run-${kind}`,
        kind,
        every: '10m',
        ...timeout,
        targets: [target.name],
        ...(Object.keys(rest).length > 0 && { options: rest }),
      },
    ]
  })
  return { targets: [...targets.values()], checks }
}
