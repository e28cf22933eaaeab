/** Two real agents and the controller's real API: they enrol, are told to probe each other, and answer a run that is asked for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listStandings } from '../../controller/store/standings.ts'
import { until } from '../agent/controller/fake-controller.ts'
import { openApi } from '../controller/web/api.ts'
import { policyText, startAgentHere } from '../lab/agent-here.ts'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

t.test('two agents that know nothing but their controller measure each other', async t => {
  const api = await openApi(t)
  api.clock.ms = Date.now()
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 })
  const start = async (id: string, cloud: string, region: string) => {
    const folder = folderOf(t)
    const port = await freePort()
    writeFileSync(join(folder, 'join-token'), await api.join(id, { cloud, region }))
    writeFileSync(join(folder, 'policy.yaml'), policyText)
    const config = {
      agent: { interception: 'off', advertise: [{ scope: 'loadBalancer', host: '127.0.0.1', ports: { echo: port } }] },
      policy: 'policy.yaml',
      controller: { url, joinToken: { file: 'join-token' } },
      responder: { bind: ['127.0.0.1'], tcp: port, udp: port },
    }
    const agent = await startAgentHere(folder, config)
    await agent.hear(/^listens to the controller$|^assignment changed$/)
    return agent
  }
  const agents = [await start('vm-1', 'aws', 'us-east-1'), await start('vm-2', 'azure', 'eastus')]
  const standings = () => api.parts.store.read(sql => listStandings(sql))
  let now = await standings()
  while (now.length < 2 || !now.every(({ told }) => told?.outcome === 'running' && (told.paths ?? 0) > 0)) now = await standings()
  t.match(
    now.map(({ agentId, told }) => [agentId, told?.problems]),
    [
      ['vm-1', []],
      ['vm-2', []],
    ],
  )
  const operator = await api.person('operator')
  const asked = await api.call(operator, { method: 'POST', url: '/v1/runs', payload: { from: 'vm-1', to: 'vm-2', kinds: ['tcp'] } })
  const done = await api.call(operator, { method: 'GET', url: `/v1/runs/${asked.json().id}?wait=60s` })
  t.match(done.json(), {
    state: 'done',
    verdict: 'ok',
    agents: [
      { agent: 'vm-1', problems: [], results: [{ kind: 'tcp', outcome: { kind: 'ok' }, measured: { responder: { agentId: 'vm-2' } } }] },
    ],
  })
  await until(() => new Set(api.delivered.map(({ id }) => id.agent)).size === 2)
  for (const agent of agents) t.match(await agent.end(), { status: 0 })
})
