import fc from 'fast-check'
import t from 'tap'
import { addRange, dropBefore, type HeldRange, mostRanges } from '../../../controller/store/ranges.ts'

const numbers = ({ first, last }: { first: number; last: number }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

t.test('whatever comes in whatever order, each number is fresh once, and the ranges stay apart', async () => {
  const range = fc.tuple(fc.nat(60), fc.nat(12)).map(([first, more]) => ({ first, last: first + more }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), ranges => {
      const model = new Set<number>()
      let held: HeldRange[] = []
      for (const [index, one] of ranges.entries()) {
        const wanted = numbers(one).filter(n => !model.has(n))
        const added = addRange(held, one, index)
        held = added.held
        for (const n of wanted) model.add(n)
        if (added.fresh.flatMap(numbers).join() !== wanted.join()) return false
        if (held.flatMap(numbers).join() !== [...model].sort((a, b) => a - b).join()) return false
        if (held.some(({ first }, i) => i > 0 && first <= held[i - 1]!.last + 1)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
})

t.test('numbers that are skipped on purpose make no more ranges than there may be: what came longest ago is forgotten', async t => {
  let held: HeldRange[] = Array.from({ length: mostRanges }, (_, i) => ({ first: 2 * i, last: 2 * i, atMs: 100 + i }))
  held = addRange(held, { first: 1e6, last: 1e6 }, 1e6).held
  t.equal(held.length, mostRanges)
  t.equal(held[0]!.first, 2)
})

t.test('what came before a time is dropped', async t => {
  const held = [1, 2, 3].map(n => ({ first: 10 * n, last: 10 * n, atMs: n }))
  t.strictSame(dropBefore(held, 2), held.slice(1))
})
