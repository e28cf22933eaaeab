import t from 'tap'
import { readPartialSuccess } from '../../agent/send/partial-success.ts'
import { contentTypes, encodeAnswer } from '../../wire/otlp-answer.ts'

const encodings = ['protobuf', 'json'] as const

t.test('a partial success is read by an agent as it was meant', async t => {
  for (const encoding of encodings)
    for (const signal of ['metrics', 'logs'] as const)
      for (const [rejected, message] of [
        [300, '300 × not_owned'],
        [0, 'a warning: ü'],
      ] as const) {
        const body = encodeAnswer({ kind: 'taken', rejected, message }, signal, encoding)
        t.same(readPartialSuccess(body, contentTypes[encoding]), { rejected, message }, `${encoding} ${signal}`)
      }
})

t.test('a whole success says nothing', async t => {
  const answer = { kind: 'taken', rejected: 0, message: '' } as const
  t.equal(encodeAnswer(answer, 'metrics', 'protobuf').length, 0)
  t.equal(encodeAnswer(answer, 'metrics', 'json').toString(), '{}')
})

t.test('an error is a google.rpc.Status', async t => {
  const answer = { kind: 'error', status: 503, message: 'busy' } as const
  t.equal(encodeAnswer(answer, 'logs', 'json').toString(), '{"code":14,"message":"busy"}')
  t.same([...encodeAnswer(answer, 'logs', 'protobuf')], [8, 14, 18, 4, ...Buffer.from('busy')])
})
