import t from 'tap'
import { keep } from '../../../probes/net/kept.ts'

t.test('a value is made once for its key', async t => {
  const kept = keep<object>(2)
  const first = kept('a', () => ({}))
  t.equal(
    kept('a', () => ({})),
    first,
  )
  t.not(
    kept('b', () => ({})),
    first,
  )
})

t.test('the oldest is given up for the newest, and no more than it may hold are held', async t => {
  const made: string[] = []
  const kept = keep<string>(2)
  const ask = (key: string) => kept(key, () => `${made.push(key)}`)
  for (const key of ['a', 'b', 'a', 'c', 'b', 'c', 'a']) ask(key)
  t.same(made, ['a', 'b', 'c', 'a'], 'a went for c, and b for a')
})

t.test('what throws while it is made is made again the next time', async t => {
  const kept = keep<number>(1)
  t.throws(() =>
    kept('a', () => {
      throw new Error('not now')
    }),
  )
  t.equal(
    kept('a', () => 1),
    1,
  )
})

t.test('stores know nothing of each other', async t => {
  const [one, other] = [keep<number>(1), keep<number>(1)]
  t.equal(
    one('a', () => 1),
    1,
  )
  t.equal(
    other('a', () => 2),
    2,
  )
})
