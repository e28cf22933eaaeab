/** Rendezvous hashing: everyone ranks the same candidates for a slot alike, and a candidate that joins or leaves changes only what it wins or held. */

/** Mixes 32 bits so that every bit of the input moves half of the output (the finalizer of MurmurHash3, `fmix32`). */
export const mix = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** 32 bits of a text, by UTF-16 units (FNV-1a, finished by `mix`). */
export const hashText = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h)
}

/** One hash of several: the order counts. 0x9e3779b9 is 2³² over the golden ratio, which keeps zeros from vanishing. */
export const combine = (...parts: readonly number[]): number => {
  let h = 0
  for (const part of parts) h = mix((h + 0x9e3779b9) ^ part)
  return h
}

/** How well a candidate does for a slot; the highest wins. */
export const score = (slot: number, candidate: number): number => mix(slot ^ candidate)

/**
 * The `count` candidates with the highest scores for a slot, best first; among equals the first. Most fall to a first cut, because scores are spread
 * evenly over 32 bits: ten thousand agents rank each other in a second.
 */
export const highest = (hashes: Uint32Array, slot: number, count: number, isAllowed: (candidate: number) => boolean): number[] => {
  if (count <= 0) return []
  for (let cut = 2 ** 32 * (1 - Math.min(1, (2 * count + 20) / hashes.length)); ; cut = 0) {
    const found: { candidate: number; points: number }[] = []
    for (let candidate = 0; candidate < hashes.length; candidate++) {
      const points = score(slot, hashes[candidate]!)
      if (points >= cut && isAllowed(candidate)) found.push({ candidate, points })
    }
    if (found.length < count && cut > 0) continue
    found.sort((a, b) => b.points - a.points || a.candidate - b.candidate)
    return found.slice(0, count).map(({ candidate }) => candidate)
  }
}
