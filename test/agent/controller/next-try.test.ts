import t from 'tap'
import { type Course, judgeTry, newCourse, type TryEnd } from '../../../agent/controller/next-try.ts'

const lost: TryEnd = { kind: 'ended', detail: '', livedMs: 3_600_000 }
const away: TryEnd = { kind: 'unreachable', detail: '' }
const mute: TryEnd = { kind: 'mute', detail: '' }
const refused = (status: number, retryAfter?: string): TryEnd => ({
  kind: 'refused',
  status,
  detail: '',
  ...(retryAfter && { retryAfter }),
})

const after = (ends: readonly TryEnd[], random = 0.5): { course: Course; waitMs: number } =>
  ends.reduce<{ course: Course; waitMs: number }>(({ course }, end) => judgeTry(course, end, random, 0), { course: newCourse, waitMs: 0 })

t.test('a thousand agents that lose their controller at one moment come back spread over seconds, then over a minute', async t => {
  const spread = (ends: readonly TryEnd[]): number[] => {
    const waits = Array.from({ length: 1000 }, (_, i) => after(ends, i / 1000).waitMs)
    const most = Math.max(...waits)
    const least = Math.min(...waits)
    const tenthOf = (ms: number): number => Math.min(9, Math.floor((10 * (ms - least)) / (most - least)))
    const tenths = Array.from({ length: 10 }, (_, i) => waits.filter(ms => tenthOf(ms) === i).length)
    t.ok(Math.max(...tenths) <= 110, `no tenth of the time has more than its share: ${tenths}`)
    return [least, most]
  }
  t.same(spread([lost]), [0, 3_996])
  t.same(spread([lost, ...Array<TryEnd>(10).fill(away)]), [0, 59_940])
  t.same(spread([{ kind: 'drain', afterMs: 5_000 }]), [5_000, 9_995])
})

t.test('a stream that ends at once again and again is waited for longer and longer', async t => {
  const short: TryEnd = { kind: 'ended', detail: '', livedMs: 10 }
  t.ok(after(Array<TryEnd>(10).fill(short)).waitMs > 20_000)
  t.ok(after([...Array<TryEnd>(10).fill(short), lost]).waitMs <= 4_000, 'after a good one no more')
})

t.test('what the controller asks for is waited', async t => {
  t.ok(after([refused(503, '20')]).waitMs >= 20_000 && after([refused(503, '20')]).waitMs <= 40_000)
  t.ok(after([refused(429, '3')]).waitMs >= 3_000 && after([refused(429, '3')]).waitMs <= 6_000)
  t.ok(after([refused(403)], 0.99).waitMs <= 1_000, 'who refuses us may not know us yet')
  t.ok(after(Array<TryEnd>(10).fill(refused(403)), 0.99).waitMs > 250_000, 'what people have to change is tried every few minutes')
  t.ok(after([refused(401)], 0.99).waitMs <= 1_000, 'a credential is replaced, and then it goes on')
  t.ok(after([{ kind: 'drain', afterMs: 1e12 }]).waitMs <= 1_200_000, 'and nobody is sent away for a day')
})

t.test('after three streams of which nothing came it is polled, about twice a minute; later a stream is tried again', async t => {
  t.equal(after([mute, mute]).course.way, 'stream')
  t.equal(after([mute, mute, mute]).course.way, 'poll')
  t.equal(after([mute, lost, mute, mute]).course.way, 'stream', 'in a row')
  t.equal(after([away, away, away, away]).course.way, 'stream', 'a controller that is away is no proxy')
  const polling = [mute, mute, mute, ...Array<TryEnd>(20).fill({ kind: 'polled' })]
  t.equal(after(polling.slice(0, -1)).course.way, 'poll')
  t.equal(after(polling.slice(0, -1)).waitMs, 30_000)
  t.equal(after(polling).course.way, 'stream')
  t.equal(after([...polling, mute]).course.way, 'poll', 'one that stays mute is enough then')
})
