/**
 * Which numbers of a sequence were received. A spool is sent newest first after an outage, so "the highest so far" says nothing: what is kept are
 * ranges. They are few: one, and one more for each gap.
 */

/** More gaps than an outage makes; beyond it the lowest gap is taken for received, so that memory has a bound whatever is sent. */
const maxRanges = 4096

export class Sequences {
  /** First and last of each range, in ascending order; no two touch. */
  #ranges: number[] = []

  /** Ascending pairs of first and last, as `ranges` gives them. Undefined for what is no such list. */
  static from(ranges: readonly number[]): Sequences | undefined {
    const isEven = ranges.length % 2 === 0 && ranges.length <= 2 * maxRanges
    const isSound = ranges.every((value, place) => {
      const before = place === 0 ? -1 : ranges[place - 1]!
      return Number.isSafeInteger(value) && (place % 2 === 1 ? value >= before : value > before + 1 || (place === 0 && value >= 0))
    })
    if (!isEven || !isSound) return undefined
    const sequences = new Sequences()
    sequences.#ranges = [...ranges]
    return sequences
  }

  get ranges(): readonly number[] {
    return this.#ranges
  }

  has(sequence: number): boolean {
    const place = this.#firstAfter(sequence)
    return place > 0 && this.#ranges[2 * place - 1]! >= sequence
  }

  /** False if it was there before. */
  add(sequence: number): boolean {
    const ranges = this.#ranges
    const place = this.#firstAfter(sequence)
    const endBefore = place > 0 ? ranges[2 * place - 1]! : -2
    if (endBefore >= sequence) return false
    const touchesBefore = endBefore === sequence - 1
    const touchesAfter = ranges[2 * place] === sequence + 1
    if (touchesBefore && touchesAfter) ranges.splice(2 * place - 1, 2)
    else if (touchesBefore) ranges[2 * place - 1] = sequence
    else if (touchesAfter) ranges[2 * place] = sequence
    else ranges.splice(2 * place, 0, sequence, sequence)
    if (ranges.length > 2 * maxRanges) ranges.splice(1, 2)
    return true
  }

  /** How many ranges begin at or before a number. */
  #firstAfter(sequence: number): number {
    let [low, high] = [0, this.#ranges.length / 2]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[2 * middle]! <= sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
