/**
 * Values that are dear to make and depend on their key alone: made once and kept, the oldest given up for the newest when there are `most`. What
 * throws while it is made is not kept.
 */
export const keep = <V>(most: number): ((key: string, make: () => V) => V) => {
  const kept = new Map<string, V>()
  return (key, make) => {
    const known = kept.get(key)
    if (known !== undefined) return known
    const made = make()
    if (kept.size >= most) kept.delete(kept.keys().next().value!)
    kept.set(key, made)
    return made
  }
}
