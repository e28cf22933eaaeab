import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type EchoListener, EchoSession, holdEchoes, joinEchoes } from '../../../probes/net/echoes.ts'
import type { QueuedError } from '../../../probes/net/mailbox.ts'
import { sockaddr } from '../../../probes/net/sockaddr.ts'
import type { Family } from '../../../wire/result.ts'
import { leaked, openHandles } from '../handles.ts'
import { needsPing } from '../needs-ping.ts'

type Echo = { index: number; rttMs: number; ttl: number; bytes: number }
type Joined = { session: EchoSession; replies: Echo[]; errors: QueuedError[] }

const skip = needsPing
const loopback = { 4: sockaddr('127.0.0.1'), 6: sockaddr('::1') }

function join(t: Test, family: Family = 4, echoes = 1000, options: { source?: string; largestBytes?: number } = {}): Joined {
  const replies: Echo[] = []
  const errors: QueuedError[] = []
  const listener: EchoListener = {
    reply: (index, rttMs, ttl, bytes) => replies.push({ index, rttMs, ttl, bytes }),
    error: (_index, error) => errors.push(error),
  }
  const session = joinEchoes(family, options, listener, echoes)
  if (!(session instanceof EchoSession)) throw new Error(JSON.stringify(session))
  t.teardown(() => session.leave())
  return { session, replies, errors }
}

/** Looks until there are so many replies. */
async function until({ session, replies }: Joined, count: number): Promise<void> {
  for (const deadline = performance.now() + 2000; replies.length < count && performance.now() < deadline; ) {
    session.collect()
    await new Promise(resolve => setImmediate(resolve))
  }
}

for (const family of [4, 6] as const)
  t.test(`IPv${family}: an echo comes back with its time, its TTL and its size`, { skip }, async t => {
    const one = join(t, family)
    for (let index = 0; index < 10; index++) t.equal(one.session.send(loopback[family], index, 56 + index), 0)
    await until(one, 10)
    t.same(
      one.replies.map(({ index, ttl, bytes }) => ({ index, ttl, bytes })),
      Array.from({ length: 10 }, (_, index) => ({ index, ttl: 64, bytes: 56 + index })),
    )
    for (const { rttMs } of one.replies) t.ok(rttMs > 0 && rttMs < 100, `${rttMs} ms`)
  })

t.test('replies of several sessions do not mix, in whatever order they were sent', { skip }, async t => {
  const sending = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 999 })), { minLength: 1, maxLength: 100 })
  await fc.assert(
    fc.asyncProperty(sending, async sends => {
      const sessions = Array.from({ length: 4 }, () => join(t))
      for (const [who, index] of sends) sessions[who]!.session.send(loopback[4], index, 16)
      for (const [who, one] of sessions.entries()) {
        const wanted = sends.filter(([sender]) => sender === who).map(([, index]) => index)
        await until(one, wanted.length)
        if (one.replies.map(({ index }) => index).join() !== wanted.join()) return false
      }
      for (const { session } of sessions) session.leave()
      return true
    }),
    { numRuns: 30 },
  )
})

t.test('sessions of both families and of another source stand side by side', { skip }, async t => {
  const all = [join(t), join(t, 6), join(t, 4, 10, { source: '127.0.0.9' })]
  for (const [i, { session }] of all.entries()) session.send(i === 1 ? loopback[6] : loopback[4], 3, 16)
  for (const one of all) {
    await until(one, 1)
    t.match(one.replies, [{ index: 3 }])
  }
})

t.test('a reply for a session that has left is dropped', { skip }, async t => {
  const stays = join(t)
  const leaves = join(t)
  leaves.session.send(loopback[4], 1, 16)
  leaves.session.leave()
  leaves.session.leave()
  stays.session.send(loopback[4], 2, 16)
  await until(stays, 1)
  t.match(stays.replies, [{ index: 2 }])
  t.same(leaves.replies, [])
})

t.test('a reply that is later than the echoes remembered is not counted', { skip }, async t => {
  const one = join(t, 4, 4)
  for (let index = 0; index < 6; index++) one.session.send(loopback[4], index, 16)
  await until(one, 4)
  t.same(
    one.replies.map(({ index }) => index),
    [2, 3, 4, 5],
  )
})

t.test('the timer alone collects, with nobody looking', { skip }, async t => {
  const one = join(t)
  one.session.send(loopback[4], 0, 16)
  for (const deadline = performance.now() + 2000; one.replies.length === 0 && performance.now() < deadline; )
    await new Promise(resolve => setImmediate(resolve))
  t.equal(one.replies.length, 1)
})

t.test('what this process was too slow to read is counted as its own loss, and only for those who were there', { skip }, async t => {
  const one = join(t, 4, 50_000, { largestBytes: 1400 })
  t.equal(one.session.overflow, 0)
  let sent = 0
  while (one.session.overflow === 0 && sent < 50_000) one.session.send(loopback[4], sent++, 1400)
  t.ok(one.session.overflow > 0, `the buffer was full after ${sent} echoes`)
  one.session.collect()
  t.equal(one.replies.length + one.session.overflow, sent, 'every echo is a reply or a drop')
  const later = join(t, 4, 10, { largestBytes: 1400 })
  t.equal(later.session.overflow, 0, 'a session that joined later lost nothing')
})

t.test('the last to leave closes the socket', { skip }, async t => {
  const before = openHandles()
  const [one, two] = [join(t), join(t)]
  one.session.send(loopback[4], 0, 16)
  one.session.leave()
  t.equal((await leaked(before, 0)).filter(handle => handle.startsWith('socket:')).length, 1, 'one socket for both')
  two.session.leave()
  t.same(await leaked(before), [])
})

t.test('a socket that is held stays open between two sessions, and is closed when it is released', { skip }, async t => {
  const before = openHandles()
  const [release, other] = [holdEchoes(), holdEchoes()]
  const sockets = async (): Promise<number> => (await leaked(before, 0)).filter(handle => handle.startsWith('socket:')).length
  const first = join(t)
  first.session.send(loopback[4], 0, 16)
  first.session.leave()
  t.equal(await sockets(), 1)
  const second = join(t)
  t.equal(await sockets(), 1, 'the same one')
  release()
  release()
  second.session.leave()
  t.equal(await sockets(), 1, 'somebody else holds it still')
  other()
  t.same(await leaked(before), [])
})

t.test('a source that is no address, or not ours, is invalid configuration', { skip }, async t => {
  const nobody: EchoListener = { reply: () => {}, error: () => {} }
  const before = openHandles()
  for (const [family, source] of [
    [4, 'nonsense'],
    [4, '::1'],
    [6, '127.0.0.1'],
    [4, '198.51.100.7'],
    [6, '2001:db8::7'],
  ] as const)
    t.match(joinEchoes(family, { source }, nobody, 1), { kind: 'unmeasured', reason: 'config_invalid', detail: source }, source)
  t.same(await leaked(before), [])
})
