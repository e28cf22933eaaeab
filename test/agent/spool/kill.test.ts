import t from 'tap'
import { temporaryDirectory } from '../send/sending.ts'
import { killOnce } from './kill.ts'

t.test('kill -9 takes at most two seconds of data, and the ledger stays exact', async t => {
  // Twenty moments, spread over the second between two writes and beyond it; four at a time.
  const moments = Array.from({ length: 20 }, (_, i) => 100 + ((i * 733) % 3000))
  for (let i = 0; i < moments.length; i += 4)
    await Promise.all(
      moments.slice(i, i + 4).map(async runMs => {
        const { appended, lostMs, againMs, problems } = await killOnce(temporaryDirectory(t), runMs)
        t.ok(
          appended > 0 && lostMs <= 2000 && againMs <= 2000,
          `after ${runMs} ms, ${appended} records: lost ${lostMs.toFixed(0)} ms, again ${againMs.toFixed(0)} ms`,
        )
        t.same(problems, [])
      }),
    )
})
