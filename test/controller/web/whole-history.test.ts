import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startReader } from '../../../controller/history/reader.ts'
import { openStore } from '../../../controller/store/open.ts'
import { wholeHistory } from '../../../controller/web/whole-history.ts'
import { openApi, startMs } from './api.ts'
import { keep } from './history-of.ts'

const url = `/v1/history?groupBy=path&until=${new Date(startMs).toISOString()}`

t.test(
  'a history that is too long for one answer is refused, not cut; one whose reader is being started again is to be asked later',
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-whole-'))
    const options = { directory: join(directory, randomUUID()) }
    const store = await openStore(options)
    const reader = startReader({ store: options, random: Math.random })
    await reader.ready
    t.teardown(async () => {
      await reader.close()
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    })
    const minute = (target: string) => ({ agent: 'a', startMs: startMs - 60_000, labels: { check: 'c', target }, ok: 1 })
    await keep(store, [minute('one'), minute('two')])
    const whole = wholeHistory(reader)
    const open = async (limit: number) => {
      const api = await openApi(t, { history: { query: question => whole.query({ ...question, limit }) } })
      return { api, viewer: await api.person('viewer') }
    }
    const enough = await open(2)
    t.match((await enough.api.call(enough.viewer, { method: 'GET', url })).json(), { items: [{}, {}], next: null })
    const short = await open(1)
    t.match((await short.api.call(short.viewer, { method: 'GET', url })).json(), {
      status: 400,
      detail: /more than 1 rows, want a longer step/,
    })
    await reader.close()
    const away = await enough.api.call(enough.viewer, { method: 'GET', url })
    t.match(away, { statusCode: 503, headers: { 'retry-after': /^\d+$/, 'content-type': /problem\+json/ } })
    t.match(away.json(), { detail: /started again/ })
  },
)
