/** Numbers as people read them. */
import { showMs } from './show-ms.ts'

const units = ['', 'k', 'M', 'G', 'T'] as const

/** `12`, `3.4k`, `1.2M`: three digits that mean something. */
export const showCount = (value: number): string => {
  let [size, unit] = [Math.abs(value), 0]
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  const digits = size >= 100 || Number.isInteger(size) ? 0 : size >= 10 ? 1 : 2
  return `${value < 0 ? '-' : ''}${size.toFixed(digits)}${units[unit]}`
}

export const showBytesPerSecond = (value: number): string => `${showCount(value)}B/s`

/** `0.05 %`: as many digits as it takes to see that it is not nothing. */
export const showRatio = (ratio: number | null | undefined): string | undefined => {
  if (ratio === null || ratio === undefined) return undefined
  const percent = ratio * 100
  if (percent === 0) return '0 %'
  return `${percent >= 99.995 && percent < 100 ? '99.99' : percent >= 10 ? percent.toFixed(percent === 100 ? 0 : 2) : percent.toPrecision(2)} %`
}

export const showMoney = (costs: Readonly<Record<string, number>>): string =>
  Object.entries(costs)
    .map(([currency, value]) => `${value.toFixed(2)} ${currency}`)
    .join(' + ') || '0'

/** `3 d`, `5 h`, `12 min`, `40 s`. */
export const showSpan = (ms: number): string => {
  const seconds = ms / 1000
  const [size, unit] = [[86_400, 'd'] as const, [3600, 'h'] as const, [60, 'min'] as const].find(
    ([one]) => Math.abs(seconds) >= 2 * one,
  ) ?? [1, 's']
  return `${Math.trunc(seconds / size)} ${unit}`
}

/** How long ago. */
export const showAge = (at: string, nowMs: number): string => showSpan(Math.max(0, nowMs - Date.parse(at)))

export const showTimes = (
  times: { p50: number; p95: number; p99: number } | null | undefined,
  which: 'p50' | 'p95' | 'p99',
): string | undefined => (times ? showMs(times[which]) : undefined)
