/**
 * The spool: how fast it writes (bar: 20 MB/s), what a day of 200 series per 10 s takes (bar: 256 MiB, nothing merged or dropped), and how fast it starts
 * and gives the day back. Payloads are 15 to 20 KB of varint-like numbers and names, about as compressible as window records are.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSpool, type Spool } from '../../agent/spool/spool.ts'
import { machine } from './machine.ts'
import { note, report } from './report.ts'

const windowsPerDay = 8_640
const series = 200

/** One part in three names that repeat, the rest small numbers, half of them zero. */
const payloadOf = (bytes: number): Buffer => {
  const payload = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i++) payload[i] = i % 75 < 25 ? 97 + ((i * 7) % 13) : Math.random() < 0.5 ? 0 : Math.random() * 40
  return payload
}

const append = (spool: Spool, i: number, payload: Buffer): void =>
  void spool.append({ kind: 'windows', atMs: i * 10_000, spanMs: 10_000, items: series, payload })

const measureWriting = async (spool: Spool) => {
  const payloads = Array.from({ length: 32 }, () => payloadOf(17_500))
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  let bytes = 0
  for (let i = 0; performance.now() - startMs < 5_000; i++) {
    append(spool, i, payloads[i % payloads.length]!)
    bytes += 17_500
    if (i % 100 === 99) await spool.flush()
  }
  await spool.flush()
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const mbPerSecond = bytes / 1e6 / seconds
  return {
    mbPerSecond: Math.round(mbPerSecond),
    cpuMsPerMb: Number(((user + system) / 1000 / (bytes / 1e6)).toFixed(1)),
    bar: 20,
    pass: mbPerSecond >= 20,
  }
}

const measureDay = async (directory: string) => {
  const rssBefore = process.memoryUsage.rss()
  const open = () => openSpool({ directory, endpoints: ['controller'], flushEveryMs: 0, nowMs: () => performance.now() })
  let spool = await open()
  let plainBytes = 0
  for (let i = 0; i < windowsPerDay; i++) {
    const payload = payloadOf(15_000 + Math.floor(Math.random() * 5_500))
    plainBytes += payload.length
    append(spool, i, payload)
    if (i % 50 === 49) await spool.flush()
  }
  await spool.flush()
  const { bytes, limitBytes } = spool.state()
  await spool.close()
  const startMs = performance.now()
  spool = await open()
  const startedMs = Math.round(performance.now() - startMs)
  const ledger = spool.ledger('controller')
  const drainMs = performance.now()
  for (let held = await spool.next('controller', 'newest'); held; held = await spool.next('controller', 'newest')) spool.settle(held)
  const drained = spool.ledger('controller')
  const recordsPerSecond = Math.round(windowsPerDay / ((performance.now() - drainMs) / 1000))
  await spool.close()
  const whole = ledger.spooled === windowsPerDay * series && drained.delivered === ledger.spooled
  const rssMb = Math.round((process.memoryUsage.rss() - rssBefore) / 1e6)
  return { plainBytes, bytesPerDay: bytes, limitBytes, startedMs, recordsPerSecond, rssMb, whole, pass: whole && bytes <= limitBytes }
}

await report(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'spool-bench-'))
  try {
    note('writing for 5 s')
    const spool = await openSpool({
      directory: join(directory, 'fast'),
      endpoints: ['controller'],
      flushEveryMs: 0,
      nowMs: () => performance.now(),
    })
    const writing = await measureWriting(spool)
    await spool.close()
    note('a day of windows')
    const day = await measureDay(join(directory, 'day'))
    return { bench: 'spool', machine: machine(), writing, day, pass: writing.pass && day.pass }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
