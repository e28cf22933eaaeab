import t from 'tap'
import { readConfig, type Sources } from '../../../agent/config/read.ts'

const token = `cwj_${'s'.repeat(43)}`

const read = (text: string | undefined, more: Partial<Sources> & { files?: Record<string, string> } = {}) => {
  const files: Record<string, string> = { ...(text === undefined ? {} : { '/etc/causeway/agent.yaml': text }), ...more.files }
  return readConfig({
    file: text === undefined ? undefined : '/etc/causeway/agent.yaml',
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
const controllerOf = (...given: Parameters<typeof read>) => {
  const config = read(...given)
  if (!config.ok) throw new Error(config.problems.join('\n'))
  return config.value.controller
}

t.test('a controller needs no file: flags and variables say where it is and who we are', async t => {
  t.equal(controllerOf('targets: []'), undefined)
  const environment = { CAUSEWAY_CONTROLLER: 'https://c.example:7443/', CAUSEWAY_JOIN_TOKEN: token }
  const controller = controllerOf(undefined, { environment })
  t.match(controller, { url: 'https://c.example:7443', spiffe: false, tokenFile: undefined })
  t.notMatch(JSON.stringify(controller), token)
  t.match(controllerOf(undefined, { flags: { controller: 'https://c.example', 'join-token-file': '/run/token' }, environment }), {
    url: 'https://c.example',
    joinToken: { file: '/run/token' },
  })
  t.match(controllerOf('controller: { url: "https://c.example", ca: ca.pem, token: token, joinToken: { file: join } }'), {
    caFile: '/etc/causeway/ca.pem',
    tokenFile: '/etc/causeway/token',
    joinToken: { file: '/etc/causeway/join' },
  })
  t.match(
    controllerOf('controller: { url: "https://c.example" }', { files: { '/var/run/secrets/causeway/token': 'ey' } }),
    { tokenFile: '/var/run/secrets/causeway/token' },
    'the projected token is found where the manifests put it',
  )
})

t.test('plain http is for loopback', async t => {
  for (const url of ['http://127.0.0.1:7443', 'http://[::1]:7443', 'http://localhost:7443', 'http://127.1.2.3'])
    t.match(controllerOf(`controller: { url: "${url}" }`), { url })
  for (const url of ['http://10.0.0.1', 'http://127.0.0.1.example', 'http://c.example'])
    t.match(read(`controller: { url: "${url}" }`), { ok: false, problems: [/controller\.url: is http, want https/] }, url)
})

t.test('every mistake at once, and no secret in any', async t => {
  const text = `controller:
  url: https://user:word@c.example/?x
  joinToken: cwj_secret
  spiffe: true
export:
  - { name: controller, url: "https://d.example" }
`
  const config = read(text)
  t.same(config.ok ? [] : config.problems.map(line => line.replace(/: (is|has|not|needs).*/, '')), [
    '/etc/causeway/agent.yaml:2: controller.url',
    '/etc/causeway/agent.yaml:2: controller.url',
    '/etc/causeway/agent.yaml:3: controller.joinToken',
    '/etc/causeway/agent.yaml:4: controller.spiffe',
    "/etc/causeway/agent.yaml:5: export: controller is the name of the controller's own endpoint, want another",
  ])
  t.notMatch(JSON.stringify(config), /word@|cwj_secret/)
  t.match(read('controller: { joinToken: { env: NONE } }'), {
    ok: false,
    problems: [/url: is missing/, /joinToken: the variable NONE is not set/],
  })
})

t.test('under a controller the responder is open unless the file says no', async t => {
  const responderOf = (text: string) => {
    const config = read(text)
    return config.ok ? config.value.responder : config.problems
  }
  t.match(responderOf('controller: { url: "https://c.example" }'), { tcp: 7460 })
  t.equal(responderOf('{ controller: { url: "https://c.example" }, responder: { enabled: false } }'), undefined)
  t.equal(responderOf('targets: []'), undefined)
})
