import fc from 'fast-check'
import t from 'tap'
import { beginTrial, endTrial, judgeStart, noTrial, readTrial, type Trial } from '../../../agent/controller/trial.ts'

const none = noTrial('1')

/** Starts of processes that ended without being told to. */
const crash = (trial: Trial, times: number): Trial => (times === 0 ? trial : crash(judgeStart(trial).trial, times - 1))

t.test('three processes that end under a new assignment are the end of it', async t => {
  const first = judgeStart(beginTrial(none, 'poison'))
  t.match(first, { back: false, trial: { revision: 'poison', crashes: 1 } })
  const second = judgeStart(first.trial)
  t.match(second, { back: false, trial: { crashes: 2 } })
  t.match(judgeStart(second.trial), { back: true, trial: { crashes: 0, bad: 'poison' } })
})

t.test('the one before is on trial too, and the bad one stays out until a new one has stood its own', async t => {
  const back = beginTrial(crash(beginTrial(none, 'poison'), 3), 'before', true)
  t.match(endTrial(back), { bad: 'poison', revision: undefined })
  t.match(crash(back, 3), { bad: 'before' })
  const next = beginTrial(endTrial(back), 'better')
  t.match(next, { revision: 'better', bad: 'poison' })
  t.equal(endTrial(next).bad, undefined)
})

t.test('a process that ended as it should is no crash, and without a trial nothing is', async t => {
  let trial = beginTrial(none, 'good')
  for (let i = 0; i < 10; i++) {
    const started = judgeStart({ ...trial, isOver: true })
    t.match(started, { back: false, trial: { crashes: 0 } })
    trial = started.trial
  }
  t.match(judgeStart(none), { back: false, trial: none })
})

t.test('what is on disk may be anything, and of another version it says nothing', async t => {
  const text = '{"version":"1","crashes":2,"revision":"a","isOver":true,"more":1}'
  t.same(readTrial(text, '1'), { version: '1', crashes: 2, revision: 'a', isOver: true })
  t.same(readTrial(text, '2'), noTrial('2'))
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), text => {
      t.ok(Number.isInteger(judgeStart(readTrial(text, '1')).trial.crashes))
    }),
  )
})
