import t from 'tap'
import { needsPing } from './needs-ping.ts'
import { addressOf, run } from './targets.ts'

t.test('a run of echoes has the round trip of each, and prints only their summary', { skip: needsPing }, async t => {
  const result = await run('icmp', addressOf('127.0.0.1'), { count: 20, intervalMs: 1 })
  const samples = Array.from(result.samplesMs ?? [])
  t.equal(samples.length, 20)
  t.ok(Math.abs(Math.max(...samples) - result.measured.rttMs!.max) < 1e-3, 'in ms, as the summary')
  t.notMatch(JSON.stringify(result), /samplesMs/)
})
