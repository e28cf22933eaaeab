/** Objectives by the calendar month, on a clock that goes over its end. */
import t from 'tap'
import { type Api, openApi } from './api.ts'
import { keep } from './history-of.ts'

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000]
const nextMs = Date.UTC(2026, 11, 1)
const there = {
  check: 'mesh-tcp',
  target: 'agent/b',
  source: { cloud: 'aws', region: 'us-east-1' },
  destination: { cloud: 'azure', region: 'eastus' },
}
const fleet = `apiVersion: causeway/v1
owner: platform
links:
  - { from: aws/us-east-1, to: azure/eastus, objective: { availability: 99.9 } }
  - { from: gcp/us-central1, to: aws/us-east-1, objective: { availability: 99.9 } }
  - { from: gcp/us-central1, to: azure/eastus, medium: vpn }
`

type Item = Record<string, unknown> & { errorBudget?: Record<string, number>; burn?: Record<string, number | null> }
const open = async (
  t: Parameters<typeof openApi>[0],
): Promise<{ api: Api; get: (url: string) => Promise<Item[]>; code: (url: string) => Promise<string> }> => {
  const api = await openApi(t)
  api.clock.ms = nextMs - 30_000
  const admin = await api.person('admin')
  const put = await api.call(admin, { method: 'PUT', url: '/v1/fleet', headers: { 'content-type': 'application/yaml' }, payload: fleet })
  if (put.statusCode !== 200) throw new Error(put.body)
  const runs = (startMs: number, ok: number, failed = 0) => ({
    ...{ agent: 'a', startMs, labels: there, ok },
    ...(failed > 0 && { fail: { tcp_timeout: failed } }),
  })
  await keep(api.parts.store, [
    runs(Date.UTC(2026, 9, 31, 23, 59), 0, 100),
    runs(nextMs - 20 * dayMs, 9493, 5),
    runs(nextMs - 2 * dayMs, 300, 2),
    runs(nextMs - 4 * hourMs, 100),
    runs(nextMs - 10 * minuteMs, 97, 3),
    runs(nextMs, 99, 1),
  ])
  const viewer = await api.person('viewer')
  const ask = async (url: string) => await api.call(viewer, { method: 'GET', url })
  return {
    api,
    get: async url => ((await ask(url)).json() as { items: Item[] }).items,
    code: async url => {
      const { statusCode, body } = await ask(url)
      return `${statusCode} ${body}`
    },
  }
}

t.test('in the last half minute of a month its budget is nearly decided, and what came before the month is not counted', async t => {
  const { get } = await open(t)
  const [one, nothing, ...more] = await get('/v1/slo')
  t.same(more, [], 'who promises nothing is not shown')
  t.match(one, { month: '2026-11', startAt: '2026-11-01T00:00:00.000Z', endAt: '2026-12-01T00:00:00.000Z', windowMs: 30 * dayMs })
  t.equal(one?.['availability'], 0.999, 'ten of ten thousand runs')
  const { allowedMs, leftRatio } = one!.errorBudget!
  t.equal(allowedMs, Math.round(43.2 * minuteMs))
  t.ok(leftRatio! > 0 && leftRatio! < 1e-4, `${leftRatio}`)
  // 3 of 100, 3 of 200, 5 of 502 at 99.9 %.
  t.same(one?.burn, { h1: 30, h6: 15, d3: 9.96 })
  t.match(nothing, { from: 'gcp/us-central1', paths: 0, availability: null, burn: { h1: null } })
  t.notOk(nothing?.errorBudget)
})

t.test('with the new month the budget is whole again; what burns goes on burning', async t => {
  const { api, get } = await open(t)
  api.clock.ms = nextMs
  const [first] = await get('/v1/slo')
  t.match(first, { month: '2026-12', windowMs: 31 * dayMs, availability: null, paths: 0, burn: { h1: 30 } })
  t.notOk(first?.errorBudget, 'in its first moment nothing is known')
  api.clock.ms = nextMs + 10 * minuteMs
  const [later] = await get('/v1/slo')
  t.match(later, { month: '2026-12', availability: 0.99, errorBudget: { allowedMs: Math.round(44.64 * minuteMs) } })
  // A hundredth of ten minutes, of 44.64 minutes.
  t.equal(later?.errorBudget?.['spentRatio'], 0.00224)
  t.equal(later?.burn?.['h1'], 20)
  const [past] = await get('/v1/slo?month=2026-11&from=aws')
  t.match(past, { month: '2026-11', availability: 0.999, meets: true })
  t.ok(Math.abs(past?.errorBudget?.['leftRatio'] ?? 1) < 1e-6)
  t.notOk(past?.burn, 'what is over burns no more')
  const [october] = await get('/v1/slo?month=2026-10')
  t.match(october, { availability: 0, meets: false, errorBudget: { spentRatio: 1000 } })
})

t.test('a month that is to come, one that is none, and both a month and a window are refused', async t => {
  const { code } = await open(t)
  t.match(await code('/v1/slo?month=2026-12'), /^400 .*2026-12 is still to come, now it is 2026-11/)
  t.match(await code('/v1/slo?month=2026-13'), /^400 .*month/)
  t.match(await code('/v1/slo?month=2026-11&window=30d'), /^400 .*want one of both/)
})
