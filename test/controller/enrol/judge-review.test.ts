import fc from 'fast-check'
import t from 'tap'
import { judgeReview } from '../../../controller/enrol/judge-review.ts'

const claims = { sub: 'system:serviceaccount:causeway:agent', exp: 1, 'kubernetes.io': { pod: { name: 'p', uid: 'u' } } }
const good = { authenticated: true, user: { username: claims.sub }, audiences: ['causeway'] }

t.test('whatever the answer is it is judged, and nothing but a whole yes is one', async t => {
  t.match(judgeReview({ status: good }, claims, 'causeway'), { ok: true })
  fc.assert(fc.property(fc.jsonValue(), document => !judgeReview(document, claims, 'causeway').ok))
  fc.assert(
    fc.property(fc.constantFrom('authenticated', 'user', 'audiences'), fc.jsonValue(), (key, value) => {
      const same = JSON.stringify(value) === JSON.stringify((good as Record<string, unknown>)[key])
      return same || !judgeReview({ status: { ...good, [key]: value } }, claims, 'causeway').ok
    }),
  )
  fc.assert(
    fc.property(
      fc.jsonValue(),
      extra => typeof judgeReview({ status: { ...good, user: { ...good.user, extra } } }, claims, 'causeway').ok === 'boolean',
    ),
  )
})
