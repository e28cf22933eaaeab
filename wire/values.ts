/** The values that people type after an option: durations, sizes, ratios, numbers. */

/** What a parser makes of a text: the value, or every problem it has. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; problems: string[] }
export const good = <T>(value: T): Parsed<T> => ({ ok: true, value })
export const bad = (...problems: string[]): Parsed<never> => ({ ok: false, problems })

const msPer = { us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const number = '(\\d{1,15}(?:\\.\\d{1,9})?)'
const durationForm = new RegExp(`^${number}(us|µs|ms|s|m|h)?$`)
const sizeForm = new RegExp(`^${number}(b|k|kb|kib|m|mb|mib)?$`, 'i')
const ratioForm = new RegExp(`^${number}(%)?$`)

/** `5s`, `200ms`, `100us`, `2m`, `1h`; a plain number is milliseconds. */
export const parseDurationMs = (text: string): Parsed<number> => {
  const [, digits, unit] = durationForm.exec(text) ?? []
  if (!digits) return bad(`${quote(text)} is not a duration, want one like 200ms, 1.5s or 2m`)
  return good(Number((Number(digits) * msPer[(unit ?? 'ms') as keyof typeof msPer]).toPrecision(12)))
}

/** `1500`, `64k`, `64KiB`, `1M`; k and M are 1,024 and its square, whichever way they are written. */
export const parseSizeBytes = (text: string): Parsed<number> => {
  const [, digits, unit] = sizeForm.exec(text) ?? []
  if (!digits) return bad(`${quote(text)} is not a size, want one like 1500 or 64KiB`)
  const letter = unit?.[0]?.toLowerCase()
  return good(Number(digits) * (letter === 'k' ? 1024 : letter === 'm' ? 1024 ** 2 : 1))
}

/** `10%` or `0.1`. */
export const parseRatio = (text: string): Parsed<number> => {
  const [, digits, percent] = ratioForm.exec(text) ?? []
  if (!digits) return bad(`${quote(text)} is not a ratio, want one like 10% or 0.1`)
  return good(percent ? Number((Number(digits) / 100).toPrecision(12)) : Number(digits))
}

export const parseNumber = (text: string): Parsed<number> =>
  /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? good(Number(text)) : bad(`${quote(text)} is not a number`)

/** As people would type it: `200ms`, `5s`, `2m`. */
export const formatDuration = (ms: number): string => {
  const unit = (['h', 'm', 's', 'ms'] as const).find(name => ms !== 0 && ms % msPer[name] === 0)
  return unit ? `${ms / msPer[unit]}${unit}` : `${ms}ms`
}

/** A text that someone typed, on one line and short enough to repeat in a message. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}…` : text)
