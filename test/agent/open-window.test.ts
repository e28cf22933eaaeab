import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { keepOpenWindow, recoverOpenWindow, spoolRecordOf } from '../../agent/open-window.ts'
import { unpackRecord } from '../../agent/record.ts'
import { createSelf } from '../../agent/self.ts'
import { openSpool } from '../../agent/spool/spool.ts'
import { Windows } from '../../agent/window.ts'
import { fakeTime } from './fake-time.ts'
import { connect, handClock, pathOf, source } from './paths.ts'

const boot = '0123456789abcdef'

const set = (t: { teardown(f: () => void): void }, count = 3) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-open-'))
  const paths = Array.from({ length: count }, (_, i) => pathOf('tcp', `p${i}`))
  const clock = handClock()
  const windows = new Windows(paths, { clock, self: createSelf(), source })
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const record = () => {
    for (const [i, { key }] of paths.entries()) windows.record(i, connect(5), { key, lateMs: 0 })
  }
  return { directory, file: join(directory, 'open-window'), clock, windows, record }
}

const runsIn = (payload: Uint8Array): number => {
  const read = unpackRecord(payload)
  if (!read.ok || read.value.type !== 'window') return -1
  const runs = read.value.paths.flatMap(({ points }) => points.filter(({ series }) => series.key === 'runs'))
  return runs.reduce((sum, { value }) => sum + Number(value), 0)
}

/** Waits until what the timers set off has been done: files are written by other threads. */
const until = async (is: () => boolean): Promise<void> => {
  for (let i = 0; i < 2000 && !is(); i++) await new Promise(resolve => setImmediate(resolve))
}

t.test('what is open is written down every two seconds, and read by the next start', async t => {
  const { file, windows, record, clock } = set(t, 450)
  const time = fakeTime()
  t.teardown(time.end)
  const kept = keepOpenWindow(file, boot, () => windows.peek())
  record()
  clock.pass(2000)
  await time.pass(2100)
  await until(() => existsSync(file))
  const records = await recoverOpenWindow(file, () => false)
  t.equal(records.length, 3, 'a record for each 200 paths')
  t.equal(
    records.reduce((sum, { payload }) => sum + runsIn(payload), 0),
    450,
  )
  t.ok(records.every(({ spanMs }) => spanMs >= 1 && spanMs <= 10_000))
  await kept.stop()
})

t.test('reading the open window changes nothing of it', async t => {
  const { windows, record } = set(t)
  record()
  t.equal([...windows.peek()].length, 1)
  record()
  const [peeked] = [...windows.peek()]
  const [closed] = [...windows.close().records()]
  t.strictSame(peeked?.paths, closed?.paths)
})

t.test('it is gone when the spool has the window, and stays when a newer one was written', async t => {
  const { file, windows, record } = set(t)
  const time = fakeTime()
  t.teardown(time.end)
  const kept = keepOpenWindow(file, boot, () => windows.peek())
  record()
  await time.pass(2100)
  await until(() => existsSync(file))
  let spooled = (): void => {}
  kept.ended(new Promise(resolve => (spooled = resolve)))
  await until(() => false)
  t.ok(existsSync(file), 'until then it is all that there is')
  spooled()
  await until(() => !existsSync(file))
  t.notOk(existsSync(file))
  await kept.stop()
})

t.test('a file that is cut or damaged gives what is whole, and never a failed start', async t => {
  const { file, windows, record } = set(t, 450)
  const time = fakeTime()
  t.teardown(time.end)
  const kept = keepOpenWindow(file, boot, () => windows.peek())
  record()
  await time.pass(2100)
  await until(() => existsSync(file))
  await kept.stop()
  const whole = readFileSync(file)
  for (let cut = 0; cut < whole.length; cut += 97) {
    writeFileSync(file, whole.subarray(0, cut))
    t.ok((await recoverOpenWindow(file, () => false)).length < 3)
  }
  for (let at = 0; at < whole.length; at += 97) {
    const bad = Buffer.from(whole)
    bad[at]! ^= 0x55
    writeFileSync(file, bad)
    const records = await recoverOpenWindow(file, () => false)
    t.ok(records.every(({ payload }) => runsIn(payload) > 0))
  }
  rmSync(file)
  t.same(await recoverOpenWindow(file, () => false), [])
})

t.test('a window that the spool has is not taken twice', async t => {
  const { directory, windows, record } = set(t)
  const open = () => openSpool({ directory: join(directory, 'spool'), endpoints: ['a'], nowMs: () => 0, boot })
  record()
  const first = await open()
  const [closed] = [...windows.close().records()]
  first.append(spoolRecordOf(closed!))
  await first.close()
  const second = await open()
  const { startMs: atMs } = closed!
  const same = { ...spoolRecordOf(closed!), boot, sequence: 1 }
  t.ok(second.holds(same))
  t.notOk(second.holds({ ...same, atMs: atMs + 10_000 }))
  t.notOk(second.holds({ ...same, boot: 'fedcba9876543210' }))
  t.notOk(second.holds({ ...same, group: 1 }))
  await second.close()
})
