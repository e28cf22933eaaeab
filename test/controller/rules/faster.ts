/** The exported rules with every span shortened by the same factor: a quarter of an hour of a network, judged by a real Prometheus in a few minutes. */
import type { RuleFile } from '../../../controller/rules/prometheus.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const faster = (duration: string, factor: number): string => {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(duration) ?? []
  return `${Math.max(1, Math.round((Number(count) * unitMs[unit]!) / factor))}ms`
}

/** Ranges, subqueries and offsets; names of records have spans in them too, and stay what they are. */
const fasterExpression = (expression: string, factor: number): string =>
  expression
    .replace(/\[(\d+[smhd])(?::(\d+[smhd]))?\]/g, (_, range: string, step?: string) =>
      step === undefined ? `[${faster(range, factor)}]` : `[${faster(range, factor)}:${faster(step, factor)}]`,
    )
    .replace(/\boffset (\d+[smhd])\b/g, (_, back: string) => `offset ${faster(back, factor)}`)

export const fasterRules = ({ groups }: RuleFile, factor: number): RuleFile => ({
  groups: groups.map(({ name, interval, rules }) => ({
    name,
    interval: faster(interval, factor),
    rules: rules.map(rule => ({
      ...rule,
      expr: fasterExpression(rule.expr, factor),
      ...('for' in rule && { for: faster(rule.for, factor) }),
      ...('keep_firing_for' in rule && rule.keep_firing_for !== undefined && { keep_firing_for: faster(rule.keep_firing_for, factor) }),
    })),
  })),
})
