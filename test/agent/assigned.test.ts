import fc from 'fast-check'
import t from 'tap'
import { type Assigned, ownOptions, readAssigned } from '../../agent/assigned.ts'
import { optionSchemas } from '../../wire/options.ts'
import { kinds } from '../../wire/result.ts'
import { paths as somePaths } from './some-paths.ts'

const ours = { common: { mtls: { certFile: '/ours.pem', keyFile: '/ours.key' } }, me: undefined, paths: [] }
const target = { name: 'a', address: '192.0.2.1:443' }
const check = { name: 'c', kind: 'tcp', every: '10s' }
const read = (assignment: unknown, more: Partial<Parameters<typeof readAssigned>[1]> = {}) => readAssigned(assignment, { ...ours, ...more })
const taken = (assigned: Assigned) => {
  if (assigned.kind === 'refused') throw new Error(assigned.problems.join())
  return { keys: assigned.paths.map(({ key }) => key), ...assigned }
}

t.test('an assignment becomes paths, with our own identity; what this version does not know is ignored', async t => {
  const { keys, paths, problems, elsewhere, probesPerSecond } = taken(
    read({
      schema: 'causeway.assignment/9',
      targets: [{ ...target, weight: 3, tls: { sni: 'x.test', ech: true } }],
      checks: [
        { ...check, priority: 'high', options: { payload: '1KiB', congestionControl: 'bbr' } },
        { ...check, name: 'm', kind: 'mtls' },
        { ...check, name: 'other', as: { namespace: 'n', serviceAccount: 's' } },
      ],
      probesPerSecond: 5,
    }),
  )
  t.same(problems, [])
  t.same(keys, ['c/a', 'm/a'])
  t.same(elsewhere, ['other'])
  t.equal(probesPerSecond, 5)
  t.match(paths[0], { options: { payloadBytes: 1024 } })
  t.notOk('congestionControl' in paths[0]!.options)
  t.match(paths[1], { options: { certFile: '/ours.pem', keyFile: '/ours.key', sni: 'x.test' } })
})

t.test('a wrong part is left out and named by its place in the list as it came; the rest runs', async t => {
  const { keys, problems } = taken(
    read({
      targets: [{ name: 'no address' }, target, { ...target, name: 'b', address: 'http://b/' }, { ...target }, { ...target, name: 'd' }],
      checks: [
        { ...check, kind: 'telnet' },
        check,
        { ...check, name: 'fast', every: '1ms' },
        { ...check, name: 'some', targets: ['b', 'd', 'nobody'] },
        { ...check, name: 'none', targets: ['nobody'] },
        null,
      ],
      probesPerSecond: -1,
    }),
  )
  t.same(keys, ['c/a', 'c/d', 'some/d'])
  t.same(
    problems.map(text => text.split(':')[0]).toSorted(),
    [
      'checks[0].kind',
      'checks[2].every',
      'checks[3].targets',
      'checks[4].targets',
      'checks[5]',
      'probesPerSecond',
      'targets[0]',
      'targets[0].name',
      'targets[2].address',
      'targets[3].name',
    ],
    problems.join('\n'),
  )
})

t.test('an option that names files or sockets of the agent, or is an identity, or a program, ends its check and no other', async t => {
  const values: Record<string, unknown> = { bundles: { 'x.test': '/etc/shadow' } }
  for (const name of Object.keys(ownOptions)) {
    const kind = kinds.find(one => name in optionSchemas[one].properties)!
    const { keys, problems } = taken(
      read({ targets: [target], checks: [{ ...check, name: 'bad', kind, options: { [name]: values[name] ?? '/etc/shadow' } }, check] }),
    )
    t.same(keys, ['c/a'], name)
    t.match(problems, [new RegExp(`^checks\\[0\\]\\.options\\.${name}: .*only the agent's own file may set it$`)])
  }
  for (const kind of kinds)
    for (const [name, { description }] of Object.entries(optionSchemas[kind].properties))
      if (/file|socket|our |Workload API|regular expression/i.test(description)) t.ok(name in ownOptions, `${kind}: ${name} is one of them`)
})

t.test("the agent's own file wins: its paths, and its names", async t => {
  const own = somePaths(1)
  const { keys, problems } = taken(
    read({ targets: [{ name: 'p0', address: '127.0.0.1:7000' }, target], checks: [check, { ...check, name: 'd' }] }, { paths: own }),
  )
  t.same(keys, ['c/a', 'd/p0', 'd/a'])
  t.match(problems, [/c\/p0: .*own file/])
  const other = taken(read({ targets: [{ name: 'p0', address: '192.0.2.9:1' }], checks: [{ ...check, name: 'd' }] }, { paths: own }))
  t.same(other.keys, [])
  t.match(other.problems, [/^targets\[0\]\.name: .*another target "p0"/])
})

t.test('more paths than an agent keeps on time are refused as a whole, before they are made', async t => {
  const targets = Array.from({ length: 101 }, (_, i) => ({ name: `t${i}`, address: '192.0.2.1:443' }))
  const checks = Array.from({ length: 100 }, (_, i) => ({ ...check, name: `c${i}` }))
  t.match(read({ targets, checks }), { kind: 'refused', problems: ['10100 paths, this agent takes 10000 at most'] })
  t.equal(taken(read({ targets: targets.slice(1), checks })).keys.length, 10_000)
  t.match(read({ targets, checks: [] }, { mostPaths: 100 }), { kind: 'refused' })
})

t.test('thousands of mistakes cost little, and are told as a hundred', async t => {
  const targets = Array.from({ length: 5000 }, (_, i) => ({ name: `t${i}`, address: '192.0.2.1' }))
  const checks = Array.from({ length: 5000 }, (_, i) => ({ ...check, name: `c${i}`, targets: [`x${i}`, `y${i}`] }))
  const before = process.cpuUsage()
  const { problems, keys } = taken(read({ targets, checks }))
  t.same(keys, [])
  t.equal(problems.length, 101)
  t.equal(problems.at(-1), 'and 9900 more')
  const { user } = process.cpuUsage(before)
  t.ok(user < 20e6, `${user} µs`)
})

t.test('no input throws, and what is taken is sound', async () => {
  const name = fc.oneof(fc.constantFrom('a', 'b', '__proto__', ''), fc.string())
  const loose = (record: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(
      Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fc.oneof({ weight: 5, arbitrary: value }, fc.anything())])),
      {
        requiredKeys: [],
      },
    )
  const options = fc.dictionary(
    fc.constantFrom(...kinds.flatMap(kind => Object.keys(optionSchemas[kind].properties)), '__proto__', 'size'),
    fc.oneof(fc.integer(), fc.string(), fc.anything()),
  )
  const assignment = loose({
    targets: fc.array(loose({ name, address: fc.constantFrom('192.0.2.1', 'x:1', '[::1]:2', '::', ':', 'http://x'), labels: fc.object() })),
    checks: fc.array(
      loose({
        name,
        kind: fc.constantFrom(...kinds),
        every: fc.constantFrom('1s', '10s', '1h', '99h', '-1s', '1us'),
        timeout: fc.constantFrom('1s', '9h'),
        options,
        targets: fc.array(name),
        as: fc.constantFrom('agent', { namespace: 'a', serviceAccount: 'b' }),
      }),
    ),
    probesPerSecond: fc.double(),
  })
  fc.assert(
    fc.property(fc.oneof(assignment, fc.anything(), fc.jsonValue()), given => {
      const found = read(given)
      if (found.kind === 'refused') return found.problems.length > 0
      const keys = found.paths.map(({ key }) => key)
      return new Set(keys).size === keys.length && found.paths.every(({ everyMs, timeoutMs }) => everyMs >= 100 && timeoutMs <= everyMs)
    }),
    { numRuns: 2000 },
  )
})
