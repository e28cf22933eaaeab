/** The TTL of the answers, and when it has become another one. Pure. */

export type Ttl = { value: number | null; other: number; times: number; sinceMs: number }
export type TtlStep = { before: number; after: number; atMs: number }

/** So many answers in a row with another TTL are a change: over equal-cost paths of different lengths they alternate. */
const inARow = 5

export const newTtl = (): Ttl => ({ value: null, other: -1, times: 0, sinceMs: 0 })

export const ttlStep = (state: Ttl, ttl: number, atMs: number): TtlStep | undefined => {
  if (state.value === null || ttl === state.value) {
    state.value = ttl
    state.times = 0
    return undefined
  }
  if (ttl !== state.other || state.times === 0) Object.assign(state, { other: ttl, times: 0, sinceMs: atMs })
  if (++state.times < inARow) return undefined
  const before = state.value
  Object.assign(state, { value: ttl, times: 0 })
  return { before, after: ttl, atMs: state.sinceMs }
}
