import { mix } from '../../controller/plan/hash.ts'

/** Numbers in [0, 1) that a seed repeats (a counter through `mix`, as SplitMix does). */
export const seeded = (seed: number): (() => number) => {
  let state = mix(seed)
  return () => {
    state = (state + 0x9e3779b9) | 0
    return mix(mix(state) ^ 0x5bd1e995) / 2 ** 32
  }
}

export const pick = <T>(list: readonly T[], random: () => number): T => list[Math.floor(random() * list.length)]!
