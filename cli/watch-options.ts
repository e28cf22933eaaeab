/** From the words of `probe watch` to what is to be done, or to every problem with them at once. */
import { isIP } from 'node:net'
import { leastDatagramBytes, mostDatagramBytes } from '../wire/responder-udp.ts'
import type { Family } from '../wire/result.ts'
import { type AskedTarget, defaultPortOf, formatTarget, parseTarget } from '../wire/target.ts'
import { bad, formatDuration, good, type Parsed, parseDurationMs, parseNumber, parseSizeBytes, quote } from '../wire/values.ts'
import { type WatchKind, watchKinds } from '../wire/watch.ts'
import { controllerFlags, flagOfWords, flagProblems, isSet, outputProblems, type Words } from './command-words.ts'
import { parseFamily, sourceProblems } from './run-values.ts'
import { flags } from './watch-help.ts'

export const watchOutputs = ['human', 'ndjson', 'json'] as const

export type WatchPlan = {
  target: AskedTarget
  kind: WatchKind
  port?: number
  family?: Family
  source?: string
  sizeBytes: number
  intervalMs: number
  timeoutMs: number
  durationMs?: number
  objectiveMs?: number
  looks: boolean
  output: (typeof watchOutputs)[number]
}

const defaultTimeoutMs = 1000
const defaultIntervalMs = { icmp: 10, udp: 10, tcp: 50 } as const
const defaultBytes = { icmp: 56, udp: 100, tcp: 0 } as const
/** An echo and its headers fit any interface (RFC 791: 65,535 bytes in all). */
const mostEchoBytes = 65_000

export const isFleetWatch = (words: Words): boolean => fleetFlags.some(name => flagOfWords(words, name) !== undefined)

export const parseWatchWords = (words: Words): Parsed<WatchPlan> => {
  const problems = [...flagProblems('watch', words, flags), ...outputProblems(words, watchOutputs)]
  const keep = <T>(name: string, parsed: Parsed<T>): T | undefined => {
    if (parsed.ok) return parsed.value
    problems.push(...parsed.problems.map(problem => (name === '' || problem.startsWith('--') ? problem : `${name}: ${problem}`)))
    return undefined
  }
  const duration = (name: string, least: number, most: number): number | undefined => {
    const text = flagOfWords(words, name)
    const value = text ? keep(`--${name}`, parseDurationMs(text)) : undefined
    if (value !== undefined && (value < least || value > most))
      problems.push(`--${name}: got ${text}, want ${formatDuration(least)} to ${formatDuration(most)}`)
    return value
  }
  const target = words.targets.length === 1 ? keep('', parseTarget(words.targets[0]!)) : undefined
  if (words.targets.length !== 1) problems.push(`got ${words.targets.length} targets, want one: host, host:port or udp://host`)
  const kind = target && keep('', kindOf(target))
  const [interval, rate] = [duration('interval', 1, 60_000), flagOfWords(words, 'rate')]
  if (interval !== undefined && rate !== undefined) problems.push('--rate: say --interval or --rate, not both')
  const perSecond = rate ? keep('--rate', parseNumber(rate)) : undefined
  if (perSecond !== undefined && !(perSecond >= 1 / 60 && perSecond <= 1000))
    problems.push(`--rate: got ${rate}, want at most 1000 a second`)
  const intervalMs = interval ?? (perSecond ? 1000 / perSecond : defaultIntervalMs[kind ?? 'icmp'])
  const timeoutMs = duration('timeout', 10, 60_000) ?? Math.max(defaultTimeoutMs, intervalMs)
  const [durationMs, objectiveMs] = [duration('duration', 1, 366 * 86_400_000), duration('objective', 1, 86_400_000)]
  const family = keep('--family', parseFamily(flagOfWords(words, 'family')))
  const source = flagOfWords(words, 'source')
  problems.push(...sourceProblems(source, family))
  const sizeBytes = keep('--size', sizeOf(flagOfWords(words, 'size'), kind ?? 'icmp'))
  if (problems.length > 0 || !target || !kind || sizeBytes === undefined) return bad(...problems)
  const port = target.port ?? defaultPortOf(kind)
  return good({
    ...{ target, kind, sizeBytes, intervalMs, timeoutMs, durationMs, objectiveMs, source },
    family: family ?? (source && isIP(source) ? (isIP(source) as Family) : undefined),
    ...(port !== undefined && kind !== 'icmp' && { port }),
    looks: !isSet(words, 'no-look'),
    output: (flagOfWords(words, 'output') as WatchPlan['output'] | undefined) ?? 'human',
  })
}

const kindOf = (target: AskedTarget): Parsed<WatchKind> => {
  const kind = target.kind ?? (target.port === undefined ? 'icmp' : 'tcp')
  const known = watchKinds.find(one => one === kind)
  return known ? good(known) : bad(`${formatTarget(target)}: watch probes by ${watchKinds.join(', ')}, not by ${kind}`)
}

const fleetFlags = ['from', 'to', 'kind', ...Object.keys(controllerFlags)]

const sizeOf = (text: string | undefined, kind: WatchKind): Parsed<number> => {
  if (text === undefined) return good(defaultBytes[kind])
  const size = parseSizeBytes(text)
  const [least, most] = kind === 'udp' ? [leastDatagramBytes, mostDatagramBytes] : [16, mostEchoBytes]
  if (kind === 'tcp') return bad('belongs to icmp and udp, a connect carries no data')
  if (!size.ok || (Number.isInteger(size.value) && size.value >= least && size.value <= most)) return size
  return bad(`got ${quote(text)}, want ${least} to ${most} bytes`)
}
