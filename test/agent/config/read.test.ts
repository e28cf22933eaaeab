import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readConfig, type Sources } from '../../../agent/config/read.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A configuration from texts: `files` by absolute path. */
const read = (text: string, more: Partial<Sources> & { files?: Record<string, string> } = {}) => {
  const files: Record<string, string> = { '/etc/causeway/agent.yaml': text, ...more.files }
  return readConfig({
    file: '/etc/causeway/agent.yaml',
    flags: {},
    exports: [],
    environment: {},
    readFile: path => {
      if (files[path] === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return files[path]
    },
    defaultData: () => '/data',
    ...more,
  })
}
const problemsOf = (...given: Parameters<typeof read>): string[] => {
  const config = read(...given)
  return config.ok ? [] : config.problems
}

t.test('the shipped example is read as it is', async t => {
  const file = join(root, 'examples/agent.yaml')
  const config = readConfig({
    file,
    flags: {},
    exports: [],
    environment: {},
    readFile: path => readFileSync(path, 'utf8'),
    defaultData: () => '/data',
  })
  t.ok(config.ok, config.ok ? '' : config.problems.join('\n'))
  if (!config.ok) return
  t.equal(config.value.paths.length, 3)
  t.match(config.value.endpoints, [{ name: '127.0.0.1:4318', order: 'oldest' }])
  t.equal(config.value.policyFile, resolve(root, 'examples/policy.yaml'), 'paths are relative to the file')
})

t.test('five mistakes are five lines with their places, and nothing starts', async t => {
  const text = `agent: { cloud: "" }
targets:
  - { name: a, address: "host:99999" }
checks:
  - { name: c, kind: tcp, every: 10 }
export:
  - { url: ftp://x }
spool: { limit: 1k }
`
  t.same(
    problemsOf(text).map(line => line.replace(/: (got|is|want|port|host).*/, '')),
    [
      '/etc/causeway/agent.yaml:1: agent.cloud',
      '/etc/causeway/agent.yaml:3: targets[0].address',
      '/etc/causeway/agent.yaml:5: checks[0].every',
      '/etc/causeway/agent.yaml:7: export[0].url',
      '/etc/causeway/agent.yaml:8: spool.limit',
    ],
    'of shape and of meaning, at once',
  )
  const unknown = 'targets: [{ name: a, address: 3 }]\nchecks: [{ name: c, kind: tcp, every: 10s, targets: [a, b] }]'
  t.match(
    problemsOf(unknown),
    [/:1: targets\[0\]\.address/, /:2: checks\[0\]\.targets\[1\]: no target "b"/],
    'a target that is wrong is not unknown too',
  )
})

t.test('a flag wins over a variable, and that over the file', async t => {
  const text = 'agent: { cloud: file, region: file, zone: file }'
  const config = read(text, {
    flags: { cloud: 'flag' },
    environment: { CAUSEWAY_CLOUD: 'variable', CAUSEWAY_REGION: 'variable', CAUSEWAY_ZONE: '' },
  })
  t.match(config, { ok: true, value: { self: { cloud: 'flag', region: 'variable', zone: 'file' } } })
})

t.test('an agent is named after its cluster and node, or its host', async t => {
  t.match(read('agent: { cluster: c, node: n }'), { value: { self: { id: 'c.n' } } })
  t.match(read('agent: { id: x, cluster: c, node: n }'), { value: { self: { id: 'x' } } })
})

t.test('without a file it only answers, and says so', async t => {
  const config = read('', { file: undefined })
  t.match(config, { ok: true, value: { paths: [], data: '/data', listen: { host: '127.0.0.1', port: 9464 }, notes: [/no checks/] } })
})

t.test('files that are missing are named, all of them', async t => {
  t.match(problemsOf('', { file: '/nowhere.yaml' }), ['/nowhere.yaml: no such file'])
  t.match(problemsOf('policy: rules.yaml'), ['/etc/causeway/rules.yaml: no such file'])
  t.match(problemsOf('export: [{ url: "http://x", headers: { a: { file: token } } }]'), [
    /export\[0\]\.headers\.a: \/etc\/causeway\/token: cannot be read/,
  ])
})

t.test("the page may be on a port of the kernel's choice, in both families", async t => {
  t.match(read('listen: 127.0.0.1:0'), { value: { listen: { host: '127.0.0.1', port: 0 } } })
  t.match(read('listen: "[::1]:0"'), { value: { listen: { host: '::1', port: 0 } } })
})

t.test('mistakes of the policy are told with those of the file', async t => {
  const wrong = problemsOf('policy: p.yaml\nlisten: here', { files: { '/etc/causeway/p.yaml': 'allow: [10.0.0.0/33]' } })
  t.match(wrong, [/p\.yaml: line 1: /, /agent\.yaml:2: listen: got "here", want address:port, or off/])
})

t.test('secrets come from variables and files, never into a message, and not into the configuration as it is printed', async t => {
  const text = 'export: [{ url: "https://x.test", headers: { Authorization: { env: TOKEN }, x-key: { file: /k } } }]'
  const config = read(text, { environment: { TOKEN: 'canary-1' }, files: { '/k': 'canary-2\n' } })
  t.ok(config.ok)
  if (!config.ok) return
  t.notMatch(JSON.stringify(config), /canary/)
  t.equal(config.value.endpoints[0]?.headers['authorization']?.reveal(), 'canary-1')
  t.equal(config.value.endpoints[0]?.headers['x-key']?.reveal(), 'canary-2')
  const wrong = problemsOf(text, { environment: { TOKEN: 'canary-1\nx' } })
  t.equal(wrong.length, 2)
  t.notMatch(wrong.join(), /canary/)
  t.match(problemsOf('export: [{ url: "https://u:canary@x.test" }]'), [/has a user or password/])
})

t.test('a certificate without its key, and two endpoints of one name, are told', async t => {
  t.match(problemsOf('identity: { cert: c.pem }\nexport: [{ url: "http://x" }, { url: "http://x/y" }]'), [
    /:1: identity\.key: is missing/,
    /:2: export\[1\]: a second endpoint "x"/,
  ])
})

t.test('a runner says whose identity it has', async t => {
  t.match(problemsOf('agent: { runner: true }'), [/agent\.namespace: is missing/, /agent\.serviceAccount: is missing/])
  const config = read('agent: { runner: true, namespace: ml }', { environment: { CAUSEWAY_SERVICE_ACCOUNT: 'predictor' } })
  t.match(config, { ok: true, value: { self: { runner: true, serviceAccount: 'predictor' } } })
})

t.test('more probes than the policy allows are told before they are refused', async t => {
  const targets = Array.from({ length: 300 }, (_, i) => `{ name: t${i}, address: 192.0.2.1 }`).join(', ')
  const config = read(`targets: [${targets}]\nchecks: [{ name: c, kind: icmp, every: 1s }]`)
  t.match(config, { ok: true, value: { notes: [/no export/, /^300 probes a second are asked for and 200 are allowed/] } })
})

t.test('where the responder is reached comes from the file, or as a text from a flag or a variable', async t => {
  const advertised = (text: string, more: Parameters<typeof read>[1] = {}) => {
    const config = read(text, more)
    return config.ok ? config.value.self.advertise : config.problems
  }
  const inFile = 'agent: { advertise: [{ scope: node, host: n.example, ports: { echo: 30460 } }] }'
  t.same(advertised(''), [])
  t.same(advertised(inFile), [{ scope: 'node', host: 'n.example', ports: { echo: 30460 } }])
  const variable = { CAUSEWAY_ADVERTISE: 'pod=10.0.0.5, node=203.0.113.7;echo=30460;mtls=30462,loadBalancer=fd00::7' }
  t.same(advertised(inFile, { environment: variable }), [
    { scope: 'pod', host: '10.0.0.5' },
    { scope: 'node', host: '203.0.113.7', ports: { echo: 30460, mtls: 30462 } },
    { scope: 'loadBalancer', host: 'fd00::7' },
  ])
  t.same(advertised('', { environment: variable, flags: { advertise: 'pod=[fd00::8]' } }), [{ scope: 'pod', host: 'fd00::8' }])
  for (const [text, wanted] of [
    ['pod=$(POD_IP)', /"pod=\$\(POD_IP\)", want one like pod=/],
    ['cluster=10.0.0.5', /"cluster=10\.0\.0\.5", want one like/],
    ['pod', /"pod", want one like/],
    ['pod=10.0.0.5;tcp=7460', /"tcp=7460", want echo, tls, mtls with a port/],
    ['pod=10.0.0.5;tls=70000', /"tls=70000"/],
  ] as const)
    t.match(advertised('', { flags: { advertise: text } }), [wanted], text)
})

t.test('labels come from the file, or as a text from a variable or a flag', async t => {
  const labelsOf = (text: string, more: Parameters<typeof read>[1] = {}) => {
    const config = read(text, more)
    return config.ok ? config.value.self.labels : config.problems
  }
  const inFile = 'agent: { labels: { team: payments } }'
  t.same(labelsOf(''), {})
  t.same(labelsOf(inFile), { team: 'payments' })
  const variable = { CAUSEWAY_LABELS: 'team=net, ring=canary=2' }
  t.same(labelsOf(inFile, { environment: variable }), { team: 'net', ring: 'canary=2' })
  t.same(labelsOf(inFile, { environment: variable, flags: { labels: 'a=b c' } }), { a: 'b c' })
  for (const [text, wanted] of [
    ['team', /"team", want one like/],
    ['=x', /"=x", want/],
    ['team=$(TEAM)', /"team=\$\(TEAM\)", want/],
    ['a=1,a=2', /"a" is there twice/],
  ] as const)
    t.match(labelsOf('', { flags: { labels: text } }), [wanted], text)
  t.match(labelsOf('agent: { labels: { team: 7 } }'), [/labels/])
})
