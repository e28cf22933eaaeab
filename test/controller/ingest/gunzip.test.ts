import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { defaultBodyLimits, gunzip } from '../../../controller/ingest/gunzip.ts'

t.test('what was compressed comes back', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), bytes => {
      const inflated = gunzip(gzipSync(bytes))
      return inflated.ok && Buffer.compare(inflated.bytes, bytes) === 0
    }),
  )
})

t.test('a bomb is stopped at its limit, whatever it says of its size', async t => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))
  const lying = Buffer.from(bomb)
  lying.writeUInt32LE(100, lying.length - 4)
  for (const body of [bomb, lying]) {
    const before = process.memoryUsage.rss()
    const cpu = process.cpuUsage()
    t.match(gunzip(body), { ok: false, status: 413, message: /^more than \d+ bytes when inflated$/ })
    t.ok(process.cpuUsage(cpu).user < 100_000, 'within 100 ms of CPU')
    t.ok(process.memoryUsage.rss() - before < 64 * 2 ** 20)
  }
  t.ok(gunzip(gzipSync(Buffer.alloc(60 * 1024))).ok, 'a small one is taken at any ratio')
  t.match(gunzip(gzipSync(Buffer.alloc(2 ** 20))), { status: 413 })
})

t.test('too long, cut short, or not gzip', async t => {
  t.match(gunzip(Buffer.alloc(defaultBodyLimits.bytes + 1)), { status: 413 })
  const whole = gzipSync(Buffer.from('hello, hello, hello'))
  for (let length = 0; length < whole.length; length++) t.match(gunzip(whole.subarray(0, length)), { status: 400 }, `${length} bytes`)
  t.match(gunzip(Buffer.from('{"resourceMetrics":[]}')), { status: 400 })
})
