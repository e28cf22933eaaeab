import fc from 'fast-check'
import t from 'tap'
import { assignmentSchema } from '../../wire/assignment.ts'
import { formatProblem, readDocument } from '../../wire/document.ts'

const problems = (text: string): string[] => {
  const read = readDocument(text, assignmentSchema)
  return read.ok ? [] : read.problems.map(problem => formatProblem('agent.yaml', problem))
}

t.test('five mistakes are five lines, each with its place and a remedy', async t => {
  const text = `targets:
  - name: a b
    address: 3
checks:
  - { name: x, kind: icpm, every: '10' }
chekcs: []
`
  t.same(problems(text), [
    'agent.yaml:2: targets[0].name: got "a b", want a text such as payments or mesh-tcp',
    'agent.yaml:3: targets[0].address: got 3, want a text',
    `agent.yaml:5: checks[0].kind: got "icpm", did you mean icmp? Want one of ${assignmentSchema.properties.checks.items.properties.kind.enum.join(', ')}`,
    'agent.yaml:5: checks[0].every: got "10", want a text such as 500ms or 10s or 5m',
    'agent.yaml:6: chekcs: unknown key, did you mean checks?',
  ])
})

t.test('what is missing is told at the line of what lacks it', async t => {
  t.match(problems('targets:\n  - name: a\nchecks: []\n'), [
    'agent.yaml:2: targets[0]: address is missing, want host, host:port, or [IPv6]:port',
  ])
})

t.test('more mistakes than anyone makes are all told', async t => {
  const many = Array.from({ length: 100 }, (_, i) => `  - { name: n${i}, address: x, oops: 1 }`).join('\n')
  t.equal(problems(`targets:\n${many}\nchecks: []\n`).length, 100)
})

t.test('a file that is not YAML, twice the same key, and one that unfolds without end are refused', async t => {
  t.match(problems('targets: [1'), [/^agent\.yaml:1: Flow sequence/])
  t.match(problems('targets: []\ntargets: []\nchecks: []\n'), ['agent.yaml:2: "targets" stands here twice'])
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((k, i) => `${k}: &${k} [${`*${'abcdefg'[i]},`.repeat(9)}*${'abcdefg'[i]}]`),
  ].join('\n')
  t.ok(problems(bomb).length > 0, 'and in time')
  t.match(problems(`a: ${'x'.repeat(5_000_000)}`), [/5000003 bytes, want at most/])
})

t.test('no text makes it throw', async t => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), text => {
      readDocument(text, assignmentSchema)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const read = readDocument(JSON.stringify(value), assignmentSchema)
      if (!read.ok) for (const problem of read.problems) if (problem.message === '') throw new Error('a problem without words')
    }),
  )
  t.pass('500 texts and 100 documents')
})
