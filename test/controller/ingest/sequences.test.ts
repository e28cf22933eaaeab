import fc from 'fast-check'
import t from 'tap'
import { Received, receivedKeptMs } from '../../../controller/ingest/received.ts'
import { Sequences } from '../../../controller/ingest/sequences.ts'

t.test('what was added is there, once, in whatever order it came', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 120 }), numbers => {
      const [sequences, model] = [new Sequences(), new Set<number>()]
      for (const number of numbers) {
        if (sequences.add(number) === model.has(number)) return false
        model.add(number)
      }
      for (let number = 0; number <= 61; number++) if (sequences.has(number) !== model.has(number)) return false
      const { ranges } = sequences
      const runs = [...model].filter(number => !model.has(number - 1)).length
      return ranges.length === 2 * runs && ranges.every((value, k) => k === 0 || value >= ranges[k - 1]! + (k % 2 === 0 ? 2 : 0))
    }),
  )
})

t.test('ranges are read back as they were written, and nothing else is read', async t => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 200 })), numbers => {
      const sequences = new Sequences()
      for (const number of numbers) sequences.add(number)
      return JSON.stringify(Sequences.from(sequences.ranges)?.ranges) === JSON.stringify(sequences.ranges)
    }),
  )
  for (const broken of [[1], [2, 1], [1, 2, 3, 4], [-1, 2], [1, 2, 2, 3], [0.5, 1], [1, Number.NaN]])
    t.equal(Sequences.from(broken), undefined, JSON.stringify(broken))
})

t.test('a sequence of nothing but gaps keeps its size, and forgets the oldest gaps', async t => {
  const sequences = new Sequences()
  for (let number = 0; number < 20_000; number += 2) sequences.add(number)
  t.ok(sequences.ranges.length <= 2 * 4096)
  t.ok(sequences.has(1), 'the first gap is closed')
  t.notOk(sequences.has(19_997), 'the last is not')
})

t.test('newest first after an outage: every batch counts once', async t => {
  const received = new Received()
  const id = (sequence: number) => ({ agent: 'a', boot: 'b', sequence })
  for (const sequence of [100, 99, 101, 98, 97]) t.ok(received.add(id(sequence), 0))
  t.notOk(received.add(id(98), 0))
  t.notOk(received.has(id(96)))
  t.same(received.row('a', 'b')?.ranges, [97, 101])
  t.notOk(received.has({ agent: 'a', boot: 'c', sequence: 98 }), 'another start of the agent is another sequence')
})

t.test('a boot is forgotten 27 hours after its last batch', async t => {
  const received = new Received()
  received.add({ agent: 'a', boot: 'old', sequence: 1 }, 0)
  received.add({ agent: 'a', boot: 'new', sequence: 1 }, 1)
  t.same(received.forget(receivedKeptMs), [])
  t.same(received.forget(receivedKeptMs + 1), [{ agent: 'a', boot: 'old' }])
  t.ok(received.has({ agent: 'a', boot: 'new', sequence: 1 }))
})
