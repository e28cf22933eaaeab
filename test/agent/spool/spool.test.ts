import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { crc32c } from '../../../agent/spool/crc32c.ts'
import type { SpoolOptions } from '../../../agent/spool/options.ts'
import { openSpool, type Spool } from '../../../agent/spool/spool.ts'
import { temporaryDirectory } from '../send/sending.ts'
import { drain, droppedOf, isExact, mergeNumbered, numbered, numbersOf } from './numbered.ts'
import { ShakyFiles } from './shaky-files.ts'

const openIn = (files: ShakyFiles, rest: Partial<SpoolOptions> = {}): Promise<Spool> =>
  openSpool({ directory: '/nowhere', endpoints: ['one', 'two'], files, flushEveryMs: 0, nowMs: () => 0, merge: mergeNumbered, ...rest })

/** Ten records, of which the first endpoint has had the first three and the last; closed in good order. */
const filled = async (): Promise<ShakyFiles> => {
  const files = new ShakyFiles()
  const spool = await openIn(files)
  for (let i = 0; i < 10; i++) spool.append(numbered(i, { items: i + 1 }))
  await spool.flush()
  for (const order of ['oldest', 'oldest', 'newest', 'oldest'] as const) spool.settle((await spool.next('one', order))!)
  await spool.close()
  return files
}
const segmentOf = (files: ShakyFiles) => [...files.names].find(([name]) => name.endsWith('.segment'))![1]

t.test('CRC-32C is the one of RFC 3720', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa, 'appendix B.4: 32 bytes of zeroes')
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43, 'and of ones')
})

t.test('a segment cut at any byte gives what is whole, and counts the rest', async t => {
  const whole = await filled()
  const length = segmentOf(whole).data.length
  const bad: number[] = []
  for (let cut = 0; cut < length; cut++) {
    const files = whole.copy()
    const segment = segmentOf(files)
    segment.data = segment.data.subarray(0, cut)
    const spool = await openIn(files)
    const before = spool.ledger('two')
    const items = (await drain(spool, 'two')).reduce((sum, record) => sum + record.items, 0)
    const [one, two] = [spool.ledger('one'), spool.ledger('two')]
    if (!isExact(one) || !isExact(two) || before.produced !== 55 || items + two.dropped.corrupt !== 55 || one.delivered !== 16)
      bad.push(cut)
  }
  t.same(bad, [], `of ${length}`)
})

t.test('a flipped bit in any byte of a segment costs the record that it hits and no other', async t => {
  const whole = await filled()
  const length = segmentOf(whole).data.length
  const bad: number[] = []
  for (let at = 0; at < length; at++) {
    const files = whole.copy()
    const segment = segmentOf(files)
    segment.data[at]! ^= 1 << (at % 8)
    const spool = await openIn(files)
    const got = (await drain(spool, 'two')).flatMap(numbersOf)
    const [one, two] = [spool.ledger('one'), spool.ledger('two')]
    const lost = 55 - got.reduce((sum, number) => sum + number + 1, 0)
    if (!isExact(one) || !isExact(two) || got.length !== 9 || two.dropped.corrupt !== lost || two.produced !== 55) bad.push(at)
  }
  t.same(bad, [], `of ${length}`)
})

t.test('a flipped bit in any byte of a ledger loses no record', async t => {
  const whole = await filled()
  for (const [name, { data }] of whole.names) {
    if (!name.endsWith('.ledger')) continue
    const bad: number[] = []
    for (let at = 0; at < data.length; at++) {
      const files = whole.copy()
      files.names.get(name)!.data[at]! ^= 1 << (at % 8)
      const spool = await openIn(files)
      const wanted = [3, 4, 5, 6, 7, 8]
      const got = (await drain(spool, 'one')).flatMap(numbersOf)
      const all = (await drain(spool, 'two')).length
      if (!wanted.every(number => got.includes(number)) || all !== 10 || !isExact(spool.ledger('one')) || !isExact(spool.ledger('two')))
        bad.push(at)
    }
    t.same(bad, [], `${name}, ${data.length} bytes`)
  }
})

t.test('what was merged keeps its counts, its minute and the identity of its first', async t => {
  const files = new ShakyFiles()
  const spool = await openIn(files, { limitBytes: 16 * 1024 })
  for (let i = 0; i < 60; i++) {
    spool.append(numbered(i, { items: 2 }, 1000))
    await spool.flush()
  }
  t.ok(spool.state().mergedAway > 0 && spool.state().bytes <= 16 * 1024, 'it was full')
  t.ok(isExact(spool.ledger('one')))
  const records = (await drain(spool, 'one')).sort((a, b) => a.atMs - b.atMs)
  const merged = records.filter(record => record.spanMs === 60_000)
  t.ok(merged.length > 3)
  for (const record of merged) {
    const numbers = numbersOf(record)
    t.equal(record.items, 2 * numbers.length)
    t.equal(record.sequence, numbers[0]! + 1)
    t.same(new Set(numbers.map(number => Math.floor(number / 6) * 60_000)), new Set([record.atMs]))
  }
})

t.test('what an endpoint may have got is not merged', async t => {
  const files = new ShakyFiles()
  const spool = await openIn(files, { limitBytes: 16 * 1024, endpoints: ['one'] })
  for (let i = 0; i < 12; i++) spool.append(numbered(i, {}, 1000))
  await spool.flush()
  spool.release((await spool.next('one', 'oldest'))!)
  for (let i = 12; i < 50; i++) {
    spool.append(numbered(i, {}, 1000))
    await spool.flush()
  }
  t.ok(spool.state().mergedAway > 0)
  t.same(numbersOf((await spool.next('one', 'oldest'))!.record), [0])
})

t.test('a spool that is full of what can not be merged drops the oldest, and says how many', async t => {
  const spool = await openIn(new ShakyFiles(), { limitBytes: 16 * 1024 })
  for (let i = 0; i < 200; i++) {
    spool.append(numbered(i, { kind: 'events', spanMs: 0 }, 200))
    await spool.flush()
  }
  const ledger = spool.ledger('one')
  t.ok(isExact(ledger) && spool.state().bytes <= 16 * 1024)
  t.ok(ledger.dropped.size > 100 && ledger.dropped.size < 190, `${ledger.dropped.size} dropped`)
  t.same(
    (await drain(spool, 'one')).flatMap(numbersOf).sort((a, b) => a - b),
    Array.from({ length: ledger.spooled }, (_, i) => 200 - ledger.spooled + i),
  )
})

t.test('while the disk can not be written data is sent from memory, and what is too much is counted', async t => {
  for (const broken of ['ENOSPC', 'EROFS', 'EIO']) {
    const files = new ShakyFiles()
    const spool = await openIn(files, { memoryBytes: 4096 })
    spool.append(numbered(0))
    await spool.flush()
    files.broken = broken
    for (let i = 1; i <= 40; i++) spool.append(numbered(i, {}, 400))
    await spool.flush()
    t.match(spool.state().degraded, { detail: new RegExp(broken) })
    const held = (await spool.next('one', 'newest'))!
    t.same(numbersOf(held.record), [40], 'from memory')
    spool.settle(held)
    const [one, two] = [spool.ledger('one'), spool.ledger('two')]
    t.ok(isExact(one) && isExact(two) && one.dropped.memory > 10 && one.dropped.memory === two.dropped.memory)
    files.broken = undefined
    await spool.flush()
    t.notOk(spool.state().degraded, 'and then it is written')
    await spool.close()
    const again = await openIn(files, { memoryBytes: 4096 })
    t.match([again.ledger('one'), again.ledger('two')], [one, two], 'with the sums that it had')
    t.equal((await drain(again, 'one')).length, one.spooled)
  }
})

t.test('a directory that can not be used at the start is used when it can', async t => {
  const directory = join(temporaryDirectory(t), 'a', 'b')
  const parent = join(directory, '..')
  writeFileSync(parent, 'a file where a directory should be')
  const spool = await openSpool({ directory, endpoints: ['one'], flushEveryMs: 0, nowMs: () => 7 })
  t.teardown(() => spool.close())
  spool.append(numbered(0))
  spool.append(numbered(1))
  await spool.flush()
  t.match(spool.state().degraded, { sinceMs: 7, detail: /ENOTDIR|EEXIST/ })
  spool.settle((await spool.next('one', 'oldest'))!)
  rmSync(parent)
  await spool.flush()
  t.notOk(spool.state().degraded)
  t.match(spool.ledger('one'), { produced: 2, delivered: 1, spooled: 1 })
  t.ok(readdirSync(directory).some(name => name.endsWith('.segment')))
})

t.test('a directory that another agent has is refused, with its pid; that of a dead one is not', async t => {
  const directory = temporaryDirectory(t)
  const options = { directory, endpoints: ['one'], flushEveryMs: 0, nowMs: () => 0 }
  const spool = await openSpool(options)
  await t.rejects(openSpool(options), { name: 'DirectoryInUse', message: new RegExp(`pid ${process.pid} `) })
  await spool.close()
  // A dead agent's file with the pid of a process that lives.
  writeFileSync(join(directory, 'lock'), 'pid 1 on elsewhere\n')
  await (await openSpool(options)).close()
})

t.test('a real disk that is full', { skip: canMount() }, async t => {
  const program = fileURLToPath(new URL('../programs/full-disk.ts', import.meta.url))
  const directory = temporaryDirectory(t)
  const mount = 'mount -t tmpfs -o size=256k,mode=700 none "$1" && exec "$2" "$3" "$1"'
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', mount, 'sh', directory, process.execPath, program], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  t.match(JSON.parse(stdout || JSON.stringify(stderr)), { degraded: /ENOSPC/, after: 'well', exact: true, drained: true })
})

t.test('a new endpoint starts from now, and one that has left holds nothing back', async t => {
  const files = new ShakyFiles()
  const spool = await openIn(files, { endpoints: ['one'] })
  spool.append(numbered(0))
  await spool.setEndpoints(['one', 'two'])
  spool.append(numbered(1))
  await spool.flush()
  t.same((await drain(spool, 'two')).flatMap(numbersOf), [1])
  t.match([spool.ledger('one').produced, spool.ledger('two').produced], [2, 1])
  await spool.setEndpoints(['two'])
  t.equal(spool.state().segments, 0, 'nobody waits for anything')
  t.match(spool.ledger('one'), { produced: 0, spooled: 0 })
  await spool.close()
  t.match((await openIn(files, { endpoints: ['two', 'three'] })).ledger('two'), { produced: 1, delivered: 1, spooled: 0 })
})

t.test('files on disk: what is done with is deleted, and they are for their owner alone', async t => {
  const directory = join(temporaryDirectory(t), 'spool')
  mkdirSync(directory, { mode: 0o700 })
  const options = { directory, endpoints: ['one'], flushEveryMs: 0, nowMs: () => 0, limitBytes: 64 * 1024 }
  const spool = await openSpool(options)
  for (let i = 0; i < 100; i++) spool.append(numbered(i, {}, 400))
  await spool.flush()
  for (const name of readdirSync(directory)) t.equal(statSync(join(directory, name)).mode & 0o077, 0)
  t.equal((await drain(spool, 'one')).length + droppedOf(spool.ledger('one')), 100)
  await spool.close()
  await (await openSpool(options)).close()
  t.notOk(existsSync(directory) && readdirSync(directory).some(name => name.endsWith('.segment')))
})

function canMount(): false | string {
  const able = spawnSync('unshare', ['-m', 'true']).status === 0
  return able ? false : 'needs root: sudo npx tap test/agent/spool/spool.test.ts'
}
