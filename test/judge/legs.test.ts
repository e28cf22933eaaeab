import t from 'tap'
import { judgeLegs, type Leg } from '../../judge/legs.ts'
import type { Diagnosis } from '../../wire/causes.ts'
import type { Verdict } from '../../wire/result.ts'

const cause = (summary: string): Diagnosis => ({
  cause: 'port_filtered',
  layer: 'tcp',
  confidence: 'likely',
  summary,
  evidence: [],
  against: [],
  fixes: [],
  next: '',
})
const places = ['workload', 'egress', 'east-west', 'payments']
const legs = (...verdicts: Verdict[]): Leg[] =>
  verdicts.map((verdict, at) => ({
    from: places[at]!,
    to: places[at + 1]!,
    verdict,
    diagnosis: verdict === 'fail' ? [cause(`Port ${at} is shut.`)] : [],
  }))
const whole = (verdict: Verdict): Leg => ({
  from: 'workload',
  to: 'payments',
  verdict,
  diagnosis: verdict === 'fail' ? [cause('No handshake.')] : [],
})

t.test('the first leg that fails is named with its cause, and the others with what they say', async t => {
  t.match(judgeLegs(legs('ok', 'fail', 'ok'), whole('fail')), {
    verdict: 'fail',
    failing: [2],
    summary: 'leg 2 of 3, egress → east-west, fails: Port 1 is shut.',
    notes: ['working: legs 1, 3'],
  })
  t.match(judgeLegs(legs('ok', 'fail', 'fail')), { failing: [2, 3], summary: /^leg 2 of 3, .* legs? 3 fails too\.$/ })
  t.match(judgeLegs(legs('fail', 'unmeasured', 'ok')), { notes: ['working: leg 3', 'not measured: leg 2'] })
  t.match(judgeLegs(legs('fail', 'fail', 'fail')), { failing: [1, 2, 3], notes: [], summary: /legs 2, 3 fail too/ })
})

t.test('legs that work, and a whole that does not: a gateway hands on something else', async t => {
  t.match(judgeLegs(legs('ok', 'degraded', 'ok'), whole('fail')), {
    verdict: 'fail',
    failing: [],
    summary: /3 legs, each of which works .* No handshake\.$/,
  })
  t.match(judgeLegs(legs('ok', 'ok', 'ok'), whole('ok')), { verdict: 'ok', summary: 'each leg works, and so does the whole way.' })
  t.match(judgeLegs(legs('ok', 'degraded', 'ok')), { verdict: 'degraded', summary: 'each leg works.' })
})

t.test('a leg that fails while the whole works is not on its way', async t => {
  t.match(judgeLegs(legs('fail', 'ok', 'ok'), whole('ok')), {
    verdict: 'fail',
    notes: ['working: legs 2, 3', /the whole way works nevertheless/],
  })
})

t.test('what was not measured is no failure, and no success', async t => {
  t.match(judgeLegs(legs('ok', 'unmeasured', 'ok'), whole('ok')), {
    verdict: 'unmeasured',
    failing: [],
    summary: /^leg 2 of 3, .* was not measured/,
  })
  t.match(judgeLegs(legs('ok', 'ok', 'ok'), whole('unmeasured')), { verdict: 'unmeasured', summary: /the whole way was not measured/ })
})
