/** The real `probe agent` and the controller's real API: a join token in, results out. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../agent/controller/fake-controller.ts'
import { openApi } from '../controller/web/api.ts'
import { startAgentHere } from '../lab/agent-here.ts'

t.test('an agent with a join token and nothing else is one of the fleet, and stays it over a restart', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'enrolment-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const api = await openApi(t)
  api.clock.ms = Date.now()
  const url = await api.app.listen({ host: '127.0.0.1', port: 0 })
  writeFileSync(join(folder, 'join-token'), await api.join('vm-1', { cloud: 'azure', region: 'eastus' }))
  const config = { controller: { url, joinToken: { file: 'join-token' } }, responder: { bind: ['127.0.0.1'], tcp: 0, udp: 0 } }
  const agent = await startAgentHere(folder, config)
  await agent.hear(/^enrolled$/)
  await until(() => api.delivered.length > 0)
  t.match(api.delivered[0], { id: { agent: 'vm-1' }, instance: 'vm-1' })
  t.match(await agent.end(), { status: 0 })
  rmSync(join(folder, 'join-token'))
  const taken = api.delivered.length
  const again = await startAgentHere(folder, config)
  await until(() => api.delivered.length > taken)
  t.match(api.delivered.at(-1), { id: { agent: 'vm-1' }, instance: 'vm-1' })
  t.match(await again.end(), { status: 0 })
  const kept = readFileSync(join(folder, 'data', 'controller', new URL(url).host.replace(':', '_'), 'credential.json'), 'utf8')
  t.match(JSON.parse(kept), { agentId: 'vm-1', location: { cloud: 'azure' } })
})
