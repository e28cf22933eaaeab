import fc from 'fast-check'
import t from 'tap'
import { createEventReader, type ServerEvent } from '../../../agent/controller/event-reader.ts'

const readAll = (text: string, cuts: readonly number[] = []): ServerEvent[] => {
  const bytes = Buffer.from(text)
  const read = createEventReader()
  const ends = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.flatMap((end, i) => read(bytes.subarray(ends[i - 1] ?? 0, end)))
}

t.test('events, as the HTML standard has them', async t => {
  const cases: Record<string, [string, ServerEvent[]]> = {
    'one with everything': ['id: 7\nevent: run\ndata: {"a":1}\n\n', [{ event: 'run', data: '{"a":1}', id: '7' }]],
    'carriage returns': [
      'event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\r',
      [
        { event: 'a', data: '1' },
        { event: 'b', data: '2' },
      ],
    ],
    'a byte order mark, comments, unknown fields, retry': [
      '\ufeffdata: x\n:\n: hello\nretry: 1\nmoon: 3\n\n',
      [{ event: 'message', data: 'x' }],
    ],
    'data of several lines, without a space, and empty': ['data:a\ndata\ndata:  b\n\n', [{ event: 'message', data: 'a\n\n b' }]],
    'an event without data is none': ['event: a\nid: 3\n\ndata: y\n\n', [{ event: 'message', data: 'y' }]],
    'half an event is none': ['data: x\n\ndata: y\n', [{ event: 'message', data: 'x' }]],
    'an id with a zero in it is none': ['id: a\0b\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    'letters of several bytes': ['data: größer – 日本\n\n', [{ event: 'message', data: 'größer – 日本' }]],
  }
  for (const [name, [text, events]] of Object.entries(cases)) t.same(readAll(text), events, name)
})

t.test('however the bytes are cut, the events are the same', async t => {
  const line = fc.constantFrom('data: ä1', 'data:', 'event: run', 'id: 4', ':', '', '', 'x: y', 'data: {"a":"日"}')
  const ending = fc.constantFrom('\n', '\r\n', '\r')
  const text = fc.array(fc.tuple(line, ending), { maxLength: 30 }).map(lines => lines.flat().join(''))
  // A CR at the very end may be half of a CRLF, which makes no difference either.
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 40 }), (text, cuts) => {
      t.same(readAll(text, cuts), readAll(text))
    }),
    { numRuns: 300 },
  )
})

t.test('bytes that mean nothing are read without a word', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), chunks => {
      const read = createEventReader(100_000)
      for (const chunk of chunks) read(Buffer.from(chunk))
    }),
  )
})

t.test('an event that is too large ends it before it is kept, in one line or in many', async t => {
  const mebibyte = Buffer.alloc(2 ** 20, 'x')
  const inOne = createEventReader(4 * 2 ** 20)
  inOne(Buffer.from('data: '))
  t.throws(() => {
    for (let i = 0; i < 100; i++) inOne(mebibyte)
  }, RangeError)
  const inMany = createEventReader(4 * 2 ** 20)
  const line = Buffer.concat([Buffer.from('data: '), mebibyte, Buffer.from('\n')])
  t.throws(() => {
    for (let i = 0; i < 100; i++) inMany(line)
  }, RangeError)
  const small = createEventReader(4 * 2 ** 20)
  let events = 0
  for (let i = 0; i < 100; i++) events += small(Buffer.concat([line, Buffer.from('\n')])).length
  t.equal(events, 100, 'many that are not go through')
})
