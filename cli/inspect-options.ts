/** From the words of `probe inspect` to what is to be judged, or to every problem with them at once. */
import { parseSpiffeId, parseTrustDomain } from '../judge/spiffe/id.ts'
import { type Matcher, matchId, matchPathPrefix, matchTrustDomain } from '../judge/spiffe/match.ts'
import { nearest } from '../wire/near.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import type { Words } from './run-words.ts'

export const inspectFlags = {
  bundle: { value: '<td>=<file>', help: 'trust bundle of a trust domain (JWKS or PEM); may be given for several' },
  ca: { value: 'file', help: 'authorities (PEM or DER) that a chain should lead to; for an SVID without a bundle of its trust domain too' },
  'expect-id': { value: 'spiffe-id', help: 'ID that is wanted; spiffe://td for any of a trust domain, /path/* for any below' },
  audience: { value: 'text', help: 'audience that a token must be for' },
  key: { value: 'file', help: "private key that should belong to the certificate, when it isn't in the same file" },
  at: { value: 'time', help: 'judge as of this time (RFC 3339), such as 2026-11-21T20:00:00Z [now]' },
  output: { value: 'format', help: 'human|json [human]' },
} as const
export type InspectFlag = keyof typeof inspectFlags

export type InspectPlan = {
  /** A path, or `-` for stdin. */
  file: string
  bundles: { trustDomain: string; file: string }[]
  /** A file of authorities. */
  ca?: string
  expect?: Matcher
  audience?: string
  key?: string
  /** Absent: now. */
  atMs?: number
  output: 'human' | 'json'
}

export const parseInspectWords = ({ targets, flags }: Words): Parsed<InspectPlan> => {
  const problems: string[] = []
  const keep = <T>(parsed: Parsed<T>): T | undefined => {
    if (parsed.ok) return parsed.value
    problems.push(...parsed.problems)
    return undefined
  }
  if (!targets.length) problems.push('no file, want one, or - for stdin')
  if (targets.length > 1) problems.push(`${targets.length} files, want one: ${targets.slice(0, 5).map(quote).join(', ')}`)
  problems.push(...flagProblems(flags))
  const bundles = (flags.bundle ?? []).filter(Boolean).map(text => keep(parseBundleWord(text)))
  const held = bundles.flatMap(one => one ?? [])
  for (const [index, { trustDomain }] of held.entries())
    if (held.findIndex(one => one.trustDomain === trustDomain) < index)
      problems.push(`--bundle: ${trustDomain} is given twice; bundles are never pooled`)
  const expect = flags['expect-id']?.[0] ? keep(parseExpectation(flags['expect-id'][0])) : undefined
  const atMs = flags.at?.[0] ? keep(parseTime(flags.at[0])) : undefined
  const output = flags.output?.[0] ?? 'human'
  if (output !== 'human' && output !== 'json') problems.push(`--output: got ${quote(output)}, want human or json`)
  if (problems.length) return bad(...problems)
  return good({
    file: targets[0]!,
    bundles: held,
    ca: flags.ca?.[0],
    expect,
    audience: flags.audience?.[0],
    key: flags.key?.[0],
    atMs,
    output: output as 'human' | 'json',
  })
}

const flagProblems = (flags: Words['flags']): string[] =>
  Object.entries(flags).flatMap(([name, values = []]) => {
    if (!Object.hasOwn(inspectFlags, name)) {
      const near = nearest(name, Object.keys(inspectFlags))
      return [`--${name}: unknown option of inspect${near ? `, did you mean --${near}?` : ', see probe inspect --help'}`]
    }
    if (values.some(value => value === '')) return [`--${name}: needs a value, such as ${inspectFlags[name as InspectFlag].value}`]
    return name !== 'bundle' && values.length > 1 ? [`--${name}: given ${values.length} times`] : []
  })

const parseBundleWord = (text: string): Parsed<{ trustDomain: string; file: string }> => {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) return bad(`--bundle: got ${quote(text)}, want <trust domain>=<file>`)
  const parsed = parseTrustDomain(text.slice(0, at))
  if (!parsed.ok) return bad(...parsed.problems.map(problem => `--bundle: ${quote(text.slice(0, at))}: ${problem}`))
  return good({ trustDomain: parsed.trustDomain, file: text.slice(at + 1) })
}

/** `*` is no character of a SPIFFE ID, so a pattern is never mistaken for an ID. */
const parseExpectation = (text: string): Parsed<Matcher> => {
  const isPrefix = text.endsWith('/*')
  const parsed = parseSpiffeId(isPrefix ? text.slice(0, -2) : text)
  if (!parsed.ok) return bad(...parsed.problems.map(problem => `--expect-id: ${quote(text)} ${problem}`))
  if (parsed.id.path === '') return good(matchTrustDomain(parsed.id.trustDomain))
  return good(isPrefix ? matchPathPrefix(parsed.id) : matchId(parsed.id))
}

/** RFC 3339 §5.6, with the days that the month has. */
const parseTime = (text: string): Parsed<number> => {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = Date.parse(text.toUpperCase().replace(' ', 'T'))
  const isDay = Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return year && isDay && !Number.isNaN(ms) ? good(ms) : bad(`--at: got ${quote(text)}, want RFC 3339, such as 2026-11-21T20:00:00Z`)
}
