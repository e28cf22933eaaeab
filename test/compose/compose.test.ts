/** docker-compose.yml: what it says, and, where an engine is there, three clouds as containers: up, broken, seen, repaired, gone. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { agents, cloudNames, placeNames } from '../../deploy/sim/clouds/clouds.ts'
import { containerLayout, subnets } from '../../deploy/sim/clouds/containers.ts'
import { variablesOf } from '../../deploy/sim/clouds/federated.ts'
import { waitFor } from '../interop/programs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
type Service = {
  image?: string
  profiles?: string[]
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  privileged?: boolean
  network_mode?: string
  networks?: Record<string, { ipv4_address?: string }>
  security_opt?: string[]
  healthcheck?: object
  command?: string[]
  environment?: Record<string, string>
}
type Compose = { services: Record<string, Service>; networks: Record<string, { ipam?: { config: { subnet: string }[] } }> }
const compose = parse(readFileSync(`${root}docker-compose.yml`, 'utf8'), { merge: true }) as Compose

t.test('without a profile no image is needed that is not built here', async t => {
  for (const [name, { image, profiles }] of Object.entries(compose.services)) if (!profiles) t.equal(image, 'causeway:local', name)
})

t.test('every container is locked but the WAN, which has what it needs and no more', async t => {
  for (const [name, service] of Object.entries(compose.services)) {
    t.strictSame(service.cap_drop, ['ALL'], name)
    t.equal(service.read_only, true, name)
    t.strictSame(service.security_opt, ['no-new-privileges:true'], name)
    t.notOk(service.privileged, name)
    if (name === 'wan') t.strictSame(service.cap_add, ['NET_ADMIN', 'NET_RAW', 'DAC_OVERRIDE', 'SYS_NICE'])
    else t.strictSame([service.cap_add, service.user === 'root'], [undefined, false], name)
    if (!service.profiles && name !== 'setup') t.ok(service.healthcheck, `${name} has a health check`)
  }
})

t.test('addresses are those that the simulation has', async t => {
  const addressOf = (name: string, network: string): string | undefined => compose.services[name]?.networks?.[network]?.ipv4_address
  for (const place of placeNames) t.equal(compose.networks[place]?.ipam?.config[0]?.subnet, `${subnets[place]}.0/24`)
  for (const [id, address] of Object.entries(containerLayout.agents)) t.equal(addressOf(id, id.split('-')[0]!), address, id)
  for (const cloud of cloudNames) t.equal(addressOf(`${cloud}-services`, cloud), containerLayout.services[cloud])
  t.equal(addressOf('controller', 'ops'), containerLayout.controller)
})

t.test('agents have the variables of the workload whose place they are in', async t => {
  for (const { id, cloud } of agents) t.strictSame(compose.services[id]?.environment ?? {}, variablesOf(cloud, '/sim', containerLayout), id)
})

/** Compose v1 or v2, with an engine behind it. */
const findCompose = (): string[] | undefined =>
  spawnSync('docker', ['info']).status === 0
    ? [['docker-compose'], ['docker', 'compose']].find(([command, ...words]) => spawnSync(command!, [...words, 'version']).status === 0)
    : undefined
const words = findCompose()
const skip = words ? false : 'needs a Docker engine and Compose: docker info, docker-compose version'
type Incident = { cause: string }
const project = 'causeway-test'
const run = (...more: string[]) => {
  const [command, ...before] = words!
  const { status, stdout, stderr } = spawnSync(command!, [...before, '--project-name', project, ...more], {
    cwd: root,
    encoding: 'utf8',
    timeout: 600_000,
  })
  return { status, stdout, stderr }
}

t.setTimeout(2_400_000)
t.test('up, all healthy, a fault and its incident through the API, both gone again, down', { skip, timeout: 2_400_000 }, async t => {
  const clear = () => run('down', '--volumes', '--timeout', '5')
  // What a run that was killed has left.
  clear()
  t.teardown(() => void clear())
  const built = run('build', 'setup')
  t.equal(built.status, 0, built.stderr.slice(-2000))
  const beganMs = performance.now()
  const up = run('up', '--detach')
  t.equal(up.status, 0, up.stderr.slice(-2000))
  const healthy = async (): Promise<true | undefined> => {
    const ids = run('ps', '--quiet').stdout.trim().split('\n')
    const format = '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}'
    const states = spawnSync('docker', ['inspect', '--format', format, ...ids], { encoding: 'utf8' })
    const lines = states.stdout.trim().split('\n')
    return lines.every(line => line === 'running healthy' || line.startsWith('exited')) || undefined
  }
  await waitFor('every container healthy', healthy, 400_000)
  t.comment(`all healthy after ${Math.round((performance.now() - beganMs) / 1000)} s`)

  const people = (...more: string[]) => run('exec', '-T', 'controller', 'probe', ...more)
  const fault = (...more: string[]) => run('exec', '-T', 'wan', 'probe', 'sim', 'fault', ...more)
  /** Undefined: it could not be asked this time; on a busy machine it may be the next. */
  const ask = <T>(...more: string[]): T | undefined => {
    const { status, stdout } = people(...more, '--output', 'json')
    return status === 0 && stdout !== '' ? (JSON.parse(stdout) as T) : undefined
  }
  const linksAreMeasured = async (): Promise<true | undefined> => {
    const { items } = ask<{ items: { from: string; to: string; measured: unknown }[] }>('get', 'links') ?? { items: [] }
    return items.filter(({ from, to, measured }) => from !== to && measured).length === 6 || undefined
  }
  await waitFor('every link measured', linksAreMeasured, 300_000)
  const mismatches = async (): Promise<true | undefined> =>
    people('get', 'paths', '--check', 'mtls', '--target', 'ledger', '--output', 'json').stdout.includes('id_mismatch') || undefined
  t.match(fault('wrong-identity').stdout, /^wrong-identity is on/)
  await waitFor('id_mismatch', mismatches, 300_000)
  const incidents = (state: string): Incident[] =>
    (ask<{ items: Incident[] }>('get', 'incidents', '--state', state)?.items ?? []).filter(({ cause }) => cause === 'wrong_identity_served')
  await waitFor('the incident', async () => incidents('open').length > 0 || undefined, 400_000)
  t.match(fault('wrong-identity', 'off').stdout, /^wrong-identity is off/)
  await waitFor('its end', async () => incidents('ended').length > 0 || undefined, 600_000)

  const down = clear()
  t.equal(down.status, 0, down.stderr)
  t.equal(
    spawnSync('docker', ['ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${project}`], { encoding: 'utf8' }).stdout,
    '',
  )
})
