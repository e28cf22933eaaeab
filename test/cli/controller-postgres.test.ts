/** The real `probe controller` over a PostgreSQL that goes away and comes back. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { needsPostgres, startCluster } from '../controller/store/postgres-cluster.ts'
import { waitFor } from '../interop/programs.ts'
import { followAgent } from '../lab/agent-process.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { probe } from '../lab/probe-in.ts'

t.test(
  'while its PostgreSQL is away it is not ready and asks people to come again; then it goes on by itself',
  { skip: needsPostgres },
  async t => {
    const cluster = await startCluster()
    const data = mkdtempSync(join(tmpdir(), 'causeway-away-'))
    const { url: store } = await cluster.database()
    const child = spawn(process.execPath, [probe, 'controller', '--listen', '127.0.0.1:0', '--data', data], {
      env: { ...cleanEnv, CAUSEWAY_STORE: store.reveal() },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await cluster.remove()
      rmSync(data, { recursive: true, force: true })
    })
    let welcome = ''
    child.stdout.on('data', text => (welcome += String(text)))
    const controller = followAgent(child)
    const { url } = (await controller.hear(/^serving$/)) as unknown as { url: string }
    while (!welcome.includes('Next')) await once(child.stdout, 'data')
    const [token = ''] = /cwp_\S+/.exec(welcome) ?? []
    const ready = () => fetch(`${url}/readyz`)
    const asked = (path: string) => fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    const all = ['/v1/agents', '/v1/fleet', '/v1/links', '/v1/history', '/v1/runs/none']
    await waitFor('ready', async () => ((await ready()).status === 200 ? true : undefined))
    t.same(await Promise.all(all.map(async path => (await asked(path)).status)), [200, 200, 200, 200, 404])
    await cluster.crash()
    const away = await ready()
    t.equal(away.status, 503)
    t.match(await away.text(), /the store PostgreSQL does not answer/)
    await Promise.all(
      all.map(async path => {
        const answer = await asked(path)
        t.equal(answer.status, 503, path)
        t.match(answer.headers.get('retry-after'), /^\d+$/)
        t.match(await answer.json(), { status: 503, detail: /does not answer|started again/ })
      }),
    )
    t.equal((await fetch(`${url}/healthz`)).status, 200, 'the process is well: it need not be started again')
    await cluster.start()
    await waitFor('ready again', async () => ((await ready()).status === 200 ? true : undefined), 60_000)
    await waitFor(
      'all answers',
      async () => ((await Promise.all(all.map(asked))).every(({ status }) => status < 500) ? true : undefined),
      60_000,
    )
    t.match(await controller.end(), { status: 0 })
  },
)
