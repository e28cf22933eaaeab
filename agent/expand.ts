/** From an assignment to paths: every check on every target that it names, or everything that is wrong with it. Pure. */
import type { AssignedCheck, AssignedTarget, Assignment } from '../wire/assignment.ts'
import { readOptions } from '../wire/check-options.ts'
import { nearest } from '../wire/near.ts'
import { type Options, withDefaults } from '../wire/options.ts'
import type { Steps } from '../wire/problem.ts'
import type { Kind } from '../wire/result.ts'
import { type AskedTarget, defaultPortOf, needsPort, parseTarget } from '../wire/target.ts'
import { parseDurationMs, quote } from '../wire/values.ts'
import type { Path } from './path.ts'

/** Options that every check of a kind gets unless it says otherwise: the agent's own identity and source. */
export type Common = { [K in Kind]?: Partial<Options[K]> }
type Problem = { path: Steps; message: string }
/** `elsewhere`: checks that need another identity than ours. */
export type Expanded = { paths: readonly Path[]; problems: Problem[]; elsewhere: readonly string[] }
/** The workload whose identity this agent has; undefined for an agent that is no runner. */
export type RunsAs = { namespace: string; serviceAccount: string } | undefined

const leastEveryMs = 100
const defaultLatenessMs = 100

type Ready = { target: AssignedTarget; asked: AskedTarget }

/** The paths of an assignment. With problems there are none: half an assignment is not run. */
export const expand = (assignment: Pick<Assignment, 'targets' | 'checks'>, common: Common = {}, me?: RunsAs): Expanded => {
  const problems: Problem[] = []
  const targets = readTargets(assignment.targets, problems)
  const paths: Path[] = []
  const elsewhere: string[] = []
  noteDuplicates('checks', assignment.checks, problems)
  for (const [i, check] of assignment.checks.entries()) {
    const timing = readTiming(check, i, problems)
    const { given: options, problems: wrong } = readOptions(check.kind, (check.options ?? {}) as Record<string, unknown>)
    problems.push(...wrong.map(({ steps, message }) => ({ path: ['checks', i, 'options', ...steps], message })))
    if (!isOurs(check, me)) elsewhere.push(check.name)
    for (const ready of chosen(check, i, targets, problems)) {
      const { asked } = ready
      if (needsPort(check.kind) && asked.port === undefined)
        problems.push({
          path: ['checks', i],
          message: `${check.kind} needs a port, and target ${ready.target.name} has none: write host:port`,
        })
      if (isOurs(check, me)) paths.push(buildPath(check, ready, timing, { ...common[check.kind], ...options }))
    }
  }
  return { paths: Object.freeze(problems.length > 0 ? [] : paths), problems, elsewhere }
}

/** A runner lends its identity and measures nothing else; everyone else has nobody's identity to lend. */
const isOurs = ({ as = 'agent' }: AssignedCheck, me: RunsAs): boolean =>
  as === 'agent' ? me === undefined : me !== undefined && as.namespace === me.namespace && as.serviceAccount === me.serviceAccount

const readTargets = (targets: readonly AssignedTarget[], problems: Problem[]): Map<string, Ready> => {
  noteDuplicates('targets', targets, problems)
  const ready = new Map<string, Ready>()
  for (const [i, target] of targets.entries()) {
    const parsed = parseTarget(target.address)
    if (!parsed.ok) problems.push(...parsed.problems.map(message => ({ path: ['targets', i, 'address'], message })))
    else if (parsed.value.kind)
      problems.push({
        path: ['targets', i, 'address'],
        message: `${quote(target.address)} has a scheme, want host or host:port: the check says how it is measured`,
      })
    else if (parsed.value.family && target.family && parsed.value.family !== target.family)
      problems.push({ path: ['targets', i, 'family'], message: `is ${target.family}, and ${target.address} is IPv${parsed.value.family}` })
    // A target that is wrong itself is no unknown name too.
    ready.set(target.name, { target: Object.freeze(target), asked: parsed.ok ? parsed.value : { host: target.address, port: 1 } })
  }
  return ready
}

const noteDuplicates = (list: string, named: readonly { name: string }[], problems: Problem[]): void => {
  const places = new Map<string, number>()
  for (const [i, { name }] of named.entries()) {
    const first = places.get(name)
    if (first === undefined) places.set(name, i)
    else problems.push({ path: [list, i, 'name'], message: `${quote(name)} is ${list}[${first}] already, want another name` })
  }
}

const chosen = (check: AssignedCheck, i: number, targets: Map<string, Ready>, problems: Problem[]): Ready[] => {
  if (!check.targets) return [...targets.values()]
  for (const [j, name] of check.targets.entries()) {
    if (targets.has(name)) continue
    const near = nearest(name, [...targets.keys()])
    problems.push({ path: ['checks', i, 'targets', j], message: `no target ${quote(name)}${near ? `, did you mean ${near}?` : ''}` })
  }
  return [...new Set(check.targets)].flatMap(name => targets.get(name) ?? [])
}

type Timing = { everyMs: number; timeoutMs?: number; latenessMs: number }

const readTiming = (check: AssignedCheck, i: number, problems: Problem[]): Timing => {
  const read = (name: 'every' | 'timeout' | 'lateness'): number | undefined => {
    const parsed = check[name] === undefined ? undefined : parseDurationMs(check[name])
    if (parsed && !parsed.ok) problems.push(...parsed.problems.map(message => ({ path: ['checks', i, name], message })))
    return parsed?.ok ? parsed.value : undefined
  }
  const everyMs = read('every') ?? 10_000
  const timeoutMs = read('timeout')
  if (everyMs < leastEveryMs || everyMs > 86_400_000)
    problems.push({ path: ['checks', i, 'every'], message: `got ${check.every}, want ${leastEveryMs}ms to 24h` })
  if (timeoutMs !== undefined && (timeoutMs < 10 || timeoutMs > everyMs))
    problems.push({
      path: ['checks', i, 'timeout'],
      message: `got ${check.timeout}, want 10ms to ${check.every}: a run ends before the next begins`,
    })
  return { everyMs, timeoutMs, latenessMs: read('lateness') ?? defaultLatenessMs }
}

/** What a target says of its own identity and names goes into the options of the kinds that take it. */
const ofTarget = (kind: Kind, { tls, expectId, expectTrustDomain, path, agentId }: AssignedTarget): Record<string, unknown> => ({
  ...(kind === 'tls' || kind === 'mtls' || kind === 'mtu' || kind === 'http' ? { ...tls } : {}),
  ...(kind === 'mtls' ? { expectId, expectTrustDomain } : {}),
  ...(kind === 'tcp' || kind === 'udp' ? { expectAgent: agentId } : {}),
  ...(kind === 'http' ? { path } : {}),
  ...(kind === 'bundle' ? { path, endpointId: expectId } : {}),
})

const buildPath = (check: AssignedCheck, { target, asked }: Ready, { everyMs, timeoutMs, latenessMs }: Timing, options: object): Path => {
  const full = withDefaults(check.kind, { ...known(ofTarget(check.kind, target)), ...known(options) })
  const limit = Math.min(timeoutMs ?? full.timeoutMs, everyMs)
  const [cloud, region, zone] = target.location?.split('/') ?? []
  return Object.freeze({
    key: `${check.name}/${target.name}`,
    check: check.name,
    kind: check.kind,
    target,
    host: asked.host,
    port: asked.port ?? defaultPortOf(check.kind, (full as Partial<Options['http']>).scheme),
    destination: cloud ? Object.freeze({ cloud, region: region ?? '', zone }) : undefined,
    everyMs,
    timeoutMs: limit,
    latenessMs,
    expectAuthorized: check.expectAuthorized ?? false,
    options: Object.freeze({ ...full, timeoutMs: limit }),
  })
}

const known = (options: object): object => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
