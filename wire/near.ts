/** The word that someone probably meant. */

/** Edits (insert, delete, replace) that turn one word into the other (Wagner–Fischer). */
export const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (to[j - 1] === letter ? 0 : 1)))
    }
    row = next
  }
  return row[to.length]!
}

/** The nearest known word when it is near enough for a slip of the fingers. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const near = known
    .map(one => [one, editDistance(word.slice(0, 40), one)] as const)
    .filter(([one, distance]) => distance <= (one.length < 4 ? 1 : Math.max(2, Math.floor(one.length / 3))))
    .sort(([, a], [, b]) => a - b)
  return near[0]?.[0]
}
