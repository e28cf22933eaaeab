/** How slow paths are, and what a rule of the fleet file saw, in one sentence for all of a finding's paths. Pure. */
import { sayMs } from '../../judge/diagnose/say.ts'
import { formatDuration } from '../../wire/values.ts'
import type { ConditionName, Interval } from '../fleet/condition.ts'
import type { Rule } from './rules.ts'
import type { Measured } from './slow-alerts.ts'

const known = (values: readonly (number | undefined)[]): number[] =>
  values.filter(value => value !== undefined && Number.isFinite(value)) as number[]
/** The least and the most, said once where they are the same. */
const range = (values: readonly number[], say: (value: number) => string): string => {
  const [low, high] = [say(Math.min(...values)), say(Math.max(...values))]
  return low === high ? low : `${low} to ${high}`
}

/** Seconds. Undefined: nothing is known of any. */
export const saySlow = (
  paths: readonly { p95: number | undefined; base: number | undefined; objective: number | undefined }[],
): string | undefined => {
  const [p95, base, objective] = (['p95', 'base', 'objective'] as const).map(name => known(paths.map(one => one[name])))
  if (!p95 || !base || !objective || p95.length === 0) return undefined
  const inMs = (seconds: number): string => sayMs(seconds * 1000)
  const usual = base.length === 0 ? '' : `, ${range(base, inMs)} is usual`
  return `p95 is ${range(p95, inMs)}${usual}${objective.length === 0 ? '' : `, the objective is ${range(objective, inMs)}`}`
}

const isTime = (name: ConditionName): boolean => name === 'p50' || name === 'p95' || name === 'p99'
const isRatio = (name: ConditionName): boolean => name === 'loss' || name === 'retransmits' || name === 'availability'
const sayValue = (name: ConditionName, value: number): string => {
  if (name === 'expiresIn') return value <= 0 ? 'over' : formatDuration(Math.round(value / 60_000) * 60_000)
  if (isTime(name)) return sayMs(value)
  return isRatio(name) ? `${Number((value * 100).toPrecision(3))} %` : String(value)
}

const sayInterval = (name: ConditionName, { low, lowIn, high, highIn }: Interval): string =>
  [
    ...(Number.isFinite(low) ? [`${lowIn ? '≥' : '>'} ${sayValue(name, low)}`] : []),
    ...(Number.isFinite(high) ? [`${highIn ? '≤' : '<'} ${sayValue(name, high)}`] : []),
  ].join(' and ')

/** `p99 is 105 ms, the rule says > 60 ms`; undefined where nothing of it is known. */
export const sayRule = ({ when }: Pick<Rule, 'when'>, paths: readonly Measured[]): string | undefined => {
  const parts = when.flatMap(([name, interval]) => {
    const values = known(paths.map(one => one[name]))
    return values.length === 0
      ? []
      : [`${name} is ${range(values, value => sayValue(name, value))}, the rule says ${sayInterval(name, interval)}`]
  })
  return parts.length === 0 ? undefined : parts.join('; ')
}
