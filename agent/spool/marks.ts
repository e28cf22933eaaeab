/** A set of whole numbers as sorted ranges `[from, to, from, to …)`: settled records come in runs, so this stays a handful of numbers. */
export type Marks = number[]

/** Position of the first boundary beyond `n`. Odd: `n` is inside a range. */
const beyond = (marks: Marks, n: number): number => {
  let [low, high] = [0, marks.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (marks[middle]! <= n) low = middle + 1
    else high = middle
  }
  return low
}

export const has = (marks: Marks, n: number): boolean => (beyond(marks, n) & 1) === 1

/** Adds `n`. False when it was there. */
export const add = (marks: Marks, n: number): boolean => {
  const at = beyond(marks, n)
  if (at & 1) return false
  const joinsBefore = at > 0 && marks[at - 1] === n
  const joinsAfter = marks[at] === n + 1
  if (joinsBefore && joinsAfter) marks.splice(at - 1, 2)
  else if (joinsBefore) marks[at - 1] = n + 1
  else if (joinsAfter) marks[at] = n
  else marks.splice(at, 0, n, n + 1)
  return true
}

/** The end of the range that holds `n`: the next number that is not marked. `n` itself when it is not. */
export const nextFree = (marks: Marks, n: number): number => {
  const at = beyond(marks, n)
  return at & 1 ? marks[at]! : n
}

/** The last number up to `n` that is not marked; may be −1. */
export const lastFree = (marks: Marks, n: number): number => {
  const at = beyond(marks, n)
  return at & 1 ? marks[at - 1]! - 1 : n
}

/** The numbers from 0 to before `to`, without those given. */
export const allBut = (without: readonly number[], to: number): Marks => {
  const marks: Marks = []
  let from = 0
  for (const n of [...new Set(without)].sort((a, b) => a - b)) {
    if (n > from) marks.push(from, n)
    from = n + 1
  }
  return to > from ? [...marks, from, to] : marks
}
