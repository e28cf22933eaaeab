import fc from 'fast-check'
import t from 'tap'
import { beginTrial, judgeStart, noTrial, readTrial } from '../../../agent/controller/trial.ts'

t.test('three processes that end under a new assignment are the end of it', async t => {
  const first = judgeStart(beginTrial(noTrial, 'poison'))
  t.match(first, { back: false, trial: { revision: 'poison', crashes: 1 } })
  const second = judgeStart(first.trial)
  t.match(second, { back: false, trial: { crashes: 2 } })
  t.same(judgeStart(second.trial), { back: true, trial: { crashes: 0, bad: 'poison' } })
})

t.test('a process that ended as it should is no crash, and without a trial nothing is', async t => {
  let trial = beginTrial(noTrial, 'good')
  for (let i = 0; i < 10; i++) {
    const started = judgeStart({ ...trial, isOver: true })
    t.match(started, { back: false, trial: { crashes: 0 } })
    trial = started.trial
  }
  t.match(judgeStart(noTrial), { back: false, trial: noTrial })
})

t.test('what is on disk may be anything', async t => {
  t.same(readTrial('{"crashes":2,"revision":"a","isOver":true,"more":1}'), { crashes: 2, revision: 'a', isOver: true })
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), text => {
      const { trial } = judgeStart(readTrial(text))
      t.ok(Number.isInteger(trial.crashes))
    }),
  )
})
