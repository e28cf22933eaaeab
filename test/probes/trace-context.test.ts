import fc from 'fast-check'
import t from 'tap'
import { traceContextOf, traceparentOf } from '../../probes/trace-context.ts'

t.test('a traceparent is what the specification says', async t => {
  t.equal(
    traceparentOf(traceContextOf(Uint8Array.from({ length: 24 }, (_, i) => i))),
    '00-000102030405060708090a0b0c0d0e0f-1011121314151617-01',
  )
})

t.test('no id is all zeros, whatever the randomness', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), random => {
      const { traceId, spanId } = traceContextOf(random)
      return /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId) && /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(spanId)
    }),
  )
})
