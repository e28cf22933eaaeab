/** What a path carries less than it did, and on which way. Pure. */
import type { PathDirection } from '../../wire/causes.ts'

/** Bytes, forward and reverse; 0: not known. */
export type Mtu = { readonly was: readonly [number, number]; readonly now: readonly [number, number] }

const fellOn = ({ was, now }: Mtu, way: 0 | 1): boolean => now[way] > 0 && now[way] < was[way]

/** Undefined: on none. */
export const fallenWay = (mtu: Mtu): PathDirection | undefined => {
  const [forward, reverse] = [fellOn(mtu, 0), fellOn(mtu, 1)]
  return forward && reverse ? 'both' : forward ? 'forward' : reverse ? 'reverse' : undefined
}

/** By the size alone, so that both ends of a link say the same. */
export const sayFall = (mtu: Mtu): string | undefined => {
  const way = fallenWay(mtu) === 'reverse' ? 1 : 0
  return fallenWay(mtu) && `the path MTU fell from ${mtu.was[way]} to ${mtu.now[way]} bytes`
}
