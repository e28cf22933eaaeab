import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { keepCredential } from '../../agent/controller/credential.ts'
import { openKeep } from '../../agent/controller/kept.ts'
import { doctorCommand } from '../../cli/doctor.ts'
import { Secret } from '../../wire/secret.ts'
import { listen } from '../servers/listening.ts'
import { worldOf } from './canned.ts'
import { controllerHere, type Here } from './controller-here.ts'

type Finding = { what: string; state: string; detail: string; remedy?: string }

/** Nothing of it leaves this machine. */
const doctor = async (here: Here, { config = {}, env = {} }: { config?: object; env?: Record<string, string | undefined> } = {}) => {
  const file = join(here.folder, 'agent.yaml')
  const whole = {
    agent: { id: 'here', cloud: 'aws', region: 'us-east-1', zone: 'a', interception: 'off' },
    data: join(here.folder, 'data'),
    ...config,
  }
  writeFileSync(file, JSON.stringify(whole))
  const said = await here.probe(['doctor', '--config', file, '--output', 'json'], { env })
  const { schema, findings } = JSON.parse(said.out) as { schema: string; findings: Finding[] }
  return { ...said, schema, find: (what: string) => findings.find(one => one.what === what), findings }
}

t.test('of a machine without a controller it says what it can do', async t => {
  const here = await controllerHere(t)
  const { code, schema, find } = await doctor(here, { env: { CAUSEWAY_CONTROLLER: undefined, CAUSEWAY_TOKEN: undefined } })
  t.equal(schema, 'causeway.doctor/1')
  t.equal(code, 0)
  t.match(find('kernel'), { state: 'ok' })
  t.match(find('location'), { state: 'ok', detail: 'aws/us-east-1/a' })
  t.match(find('identity'), { state: 'limited', remedy: /--workload-api/ })
  t.equal(find('controller'), undefined)
})

t.test('of one under a controller it says whether it is there, has the same time, and knows this agent', async t => {
  const here = await controllerHere(t)
  here.clock.ms = Date.now()
  const stranger = await doctor(here)
  t.equal(stranger.code, 1)
  t.match(stranger.find('controller'), { state: 'ok' })
  t.match(stranger.find('clock beside the controller'), { state: 'ok' })
  t.match(stranger.find('proof of identity'), { state: 'missing', remedy: /--join-token-file/ })
  t.match(stranger.find('your token'), { state: 'ok' })
  const invited = await doctor(here, { env: { CAUSEWAY_JOIN_TOKEN: await here.join('vm-7') } })
  t.match(invited.find('proof of identity'), { state: 'ok', detail: /not tried/ })

  const { credential } = await here.enrolled('vm-1')
  const keep = (token: string) =>
    keepCredential(openKeep(join(here.folder, 'data'), here.url), {
      agentId: 'vm-1',
      location: { cloud: 'aws', region: 'us-east-1' },
      token: new Secret(token),
      sinceMs: here.clock.ms,
      untilMs: here.clock.ms + 3_600_000,
    })
  keep(credential)
  here.clock.ms = Date.now()
  const known = await doctor(here)
  t.equal(known.code, 0)
  t.match(known.find('credential'), { state: 'ok', detail: /knows vm-1; good for \d+ minutes more/ })
  keep(`${credential}x`)
  t.match((await doctor(here)).find('credential'), { state: 'missing', detail: /of vm-1: answered 401/, remedy: /proof/ })
  here.clock.ms = Date.now() + 90_000
  const late = await doctor(here)
  t.match(late.find('clock beside the controller'), { state: 'missing', detail: /\d+ s ahead/, remedy: /time server/ })
})

t.test('a controller that is not there, a directory that cannot be written and a proxy in the pod are named with what to do', async t => {
  const here = await controllerHere(t)
  const gone = await doctor(here, { config: { controller: { url: 'http://127.0.0.1:1' } }, env: { CAUSEWAY_CONTROLLER: undefined } })
  t.match(gone.find('controller'), { state: 'missing', detail: /ECONNREFUSED/, remedy: /egress rules/ })
  const file = join(here.folder, 'no-directory')
  writeFileSync(file, '')
  t.match((await doctor(here, { config: { data: join(file, 'data') } })).find('data'), { state: 'missing', remedy: /--data/ })

  const proxy = await listen(createServer(socket => socket.end()))
  t.teardown(proxy.close)
  mkdirSync(join(here.folder, 'd'))
  const config = join(here.folder, 'mesh.yaml')
  writeFileSync(config, JSON.stringify({ agent: { id: 'here' }, data: join(here.folder, 'd') }))
  const world = worldOf({ LANG: 'C.UTF-8', HOME: here.folder }, { isTTY: true, columns: 80 })
  const at = { nobody: { address: '127.0.0.1', port: proxy.port }, locate: async () => undefined }
  t.equal(await doctorCommand({ targets: [], flags: { config: [config] } }, world, at), 1)
  const shown = stripVTControlCharacters(world.out())
  t.match(shown, /interception +a proxy here answers every connection/)
  t.match(shown, /→ keep the mesh out/)
  t.match(shown, /location +nothing says where this is/)
})

t.test('words that it does not know are all named', async t => {
  const here = await controllerHere(t)
  const said = await here.probe(['doctor', 'x', '--nope', '1', '--output', 'xml'])
  t.match(said, { code: 2, err: /"x" does not belong here(.|\n)*--nope: unknown option of doctor(.|\n)*--output: got "xml"/ })
})
