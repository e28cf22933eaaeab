import t from 'tap'
import { seededRandom } from '../../deploy/sim/wan.ts'
import { addValue, forget, levelOf, newChangePoint, type Step } from '../../judge/change-point.ts'
import { jitteryWindows } from './jittery.ts'
import { noises, noisyWindows } from './noises.ts'

const stepsOf = (values: readonly number[]): (Step & { at: number })[] => {
  const state = newChangePoint()
  return values.flatMap((value, at) => {
    const step = addValue(state, value)
    return step ? [{ ...step, at }] : []
  })
}

for (const jitter of [0.05, 0.2]) {
  t.test(`of 200 doublings on a path with a jitter of ${jitter * 100} %, 99 in 100 are found within 30 s`, async t => {
    let [found, early] = [0, 0]
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed)
      const [stepS, baseMs, perWindow] = [1200 + 600 * random(), 0.8 * 250 ** random(), 5 + Math.floor(95 * random())]
      const steps = stepsOf(jitteryWindows({ baseMs, jitter, perWindow }, 0.6, random, s => (s >= stepS ? 2 : 1)))
      // The window that closes within 30 s of the step has begun 20 s after it.
      const inTime = steps.filter(({ at }) => (at + 1) * 10 > stepS && (at + 1) * 10 <= stepS + 30)
      if (inTime.length > 0 && inTime[0]!.after > inTime[0]!.before) found++
      early += steps.filter(({ at }) => (at + 1) * 10 <= stepS).length
    }
    t.comment(`found ${found} of 200, with ${early} false steps before them`)
    t.ok(found >= 198, `${found} of 200`)
  })

  t.test(`a day on a path with a jitter of ${jitter * 100} % has at most one false step`, async t => {
    const days = [1, 2, 3, 4, 5].map(seed => stepsOf(jitteryWindows({ baseMs: 30, jitter, perWindow: 10 }, 24, seededRandom(seed))).length)
    t.comment(`false steps on five days: ${days.join(' ')}`)
    t.ok(days.reduce((sum, count) => sum + count, 0) / days.length <= 1, days.join(' '))
  })
}

for (const [name, noise] of Object.entries(noises))
  t.test(`noise ${name}: 99 of 100 doublings within 30 s, and at most one false step a day`, async t => {
    let found = 0
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed)
      const [stepS, baseMs] = [1200 + 600 * random(), 0.8 * 250 ** random()]
      const steps = stepsOf(noisyWindows(noise, baseMs, 0.6, random, s => (s >= stepS ? 2 : 1)))
      const isFound = ({ at, before, after }: (typeof steps)[number]) =>
        (at + 1) * 10 > stepS && (at + 1) * 10 <= stepS + 30 && after > before
      if (steps.some(isFound)) found++
    }
    t.ok(found >= 99, `${found} of 100`)
    const days = [1, 2, 3].map(seed => stepsOf(noisyWindows(noise, 30, 24, seededRandom(seed))).length)
    t.ok(days.reduce((sum, count) => sum + count, 0) / days.length <= 1, days.join(' '))
  })

const steady = (ms: number, times: number) => Array.from({ length: times }, (_, i) => ms * (1 + 0.01 * Math.sin(i * 7)))

for (const { name, values, wanted } of [
  { name: 'a doubling is found by its second window', values: [...steady(20, 20), ...steady(40, 3)], wanted: [{ at: 21, windowsAgo: 2 }] },
  { name: 'a halving too', values: [...steady(40, 20), ...steady(20, 3)], wanted: [{ at: 21, windowsAgo: 2 }] },
  { name: 'one bad window is no step', values: [...steady(20, 20), 200, ...steady(20, 20)], wanted: [] },
  { name: 'a change of a tenth is none', values: [...steady(20, 20), ...steady(22, 20)], wanted: [] },
  { name: 'a doubling within a fifth of a ms is none', values: [...steady(0.1, 20), ...steady(0.2, 20)], wanted: [] },
  {
    name: 'there and back are two steps',
    values: [...steady(20, 20), ...steady(60, 20), ...steady(20, 5)],
    wanted: [{ at: 21 }, { at: 41 }],
  },
  { name: 'what is no time at all is passed over', values: [...steady(20, 20), 0, Number.NaN, -1, ...steady(20, 5)], wanted: [] },
]) {
  t.test(name, async t => {
    const steps = stepsOf(values)
    t.equal(steps.length, wanted.length)
    t.match(steps, wanted)
  })
}

t.test('the values before and after are the levels', async t => {
  const [step] = stepsOf([...steady(20, 20), ...steady(47, 3)])
  t.ok(Math.abs(step!.before - 20) < 0.5 && Math.abs(step!.after - 47) < 1, JSON.stringify(step))
})

t.test('what was is forgotten when it is said', async t => {
  const state = newChangePoint()
  for (const value of steady(20, 20)) addValue(state, value)
  t.ok(Math.abs(levelOf(state)! - 20) < 0.5)
  forget(state)
  t.equal(levelOf(state), undefined)
  for (const value of steady(60, 20)) t.equal(addValue(state, value), undefined)
})
