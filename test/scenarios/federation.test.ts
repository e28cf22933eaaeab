/** Federated credentials on the real command: every pairing with the standard variables alone, calls, and what breaks, per cloud. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { cases } from './federation-cases.ts'
import { pageOf } from './federation-page.ts'
import { playAll } from './federation-play.ts'

const played = await playAll(cases)

for (const one of cases)
  t.test(`${one.id} ${one.pairing}: ${one.situation}`, async t => {
    const { status, document } = played.get(one)!
    const { reason, cause, link, warning } = one.expect
    const [result] = document.results
    if (result?.kind !== 'federation') return t.fail('there is a result')
    const seen = JSON.stringify(result.outcome)
    t.equal(status, reason ? 1 : 0, seen)
    t.match(result.outcome, reason ? { kind: 'fail', reason } : { kind: 'ok' }, seen)
    t.same(
      // How long a busy machine takes is no matter of the situation.
      result.warnings.map(({ code }) => code).filter(code => code !== 'issuer_slow' && (!reason || code !== 'audience_foreign')),
      warning ? [warning] : [],
    )
    t.same(
      document.diagnosis.map(found => found.cause),
      cause ? [cause] : [],
    )
    t.equal(result.measured.steps.find(({ verdict }) => verdict === 'fail')?.step, link)
    for (const { fixes, summary, next } of document.diagnosis) {
      t.ok(
        fixes.length > 0 &&
          summary.length > 20 &&
          next === `probe run federation://${one.cloud}`.concat(next.slice(`probe run federation://${one.cloud}`.length)),
      )
      t.notMatch(JSON.stringify(fixes), /undefined|null/)
    }
    if (!reason) t.ok((result.measured.secondsLeft ?? 0) > 0, `${result.measured.secondsLeft} s left`)
  })

t.test('the page of situations says what the command says', async t => {
  t.equal(
    pageOf(cases.map(one => ({ one, document: played.get(one)!.document }))),
    readFileSync(new URL('../../docs/reference/federation-scenarios.md', import.meta.url), 'utf8'),
  )
})
