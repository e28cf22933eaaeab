import t from 'tap'
import { addEvent } from '../../../controller/store/events.ts'
import { type Api, openApi } from './api.ts'
import { listen, readSse, type SseReader } from './sse-reader.ts'

const add = (api: Api, kind: string, subject: string) =>
  api.parts.store.write(sql => addEvent(sql, { kind, subject, body: { of: subject } }))
const take = async (reader: SseReader, count: number) => {
  const taken: { id: number; subject: string }[] = []
  while (taken.length < count) taken.push(JSON.parse((await reader.next())!.data))
  return taken
}

t.test('events come as they happen, once each, and after the one that a reader had last', async t => {
  const api = await openApi(t)
  const url = `${await listen(api.app)}/v1/events`
  const viewer = await api.person('viewer')
  await api.parts.store.write(async sql => {
    for (let i = 0; i < 1200; i++) await addEvent(sql, { kind: i % 2 ? 'odd' : 'even', subject: `s${i}`, body: {} })
  })
  const all = await readSse(t, `${url}?kind=odd&kind=even`, viewer, { 'last-event-id': '1' })
  const past = await take(all, 1199)
  await Promise.all(Array.from({ length: 20 }, (_, i) => add(api, 'even', `n${i}`)))
  const now = await take(all, 20)
  const ids = [...past, ...now].map(({ id }) => id)
  t.equal(new Set(ids).size, 1219)
  t.same(
    ids.filter(id => id <= 1),
    [],
  )
  const odd = await readSse(t, `${url}?kind=odd`, viewer, { 'last-event-id': String(now.at(-1)!.id) })
  await add(api, 'even', 'no')
  await add(api, 'odd', 'yes')
  t.match(await odd.next(), { id: String, data: /"kind":"odd","subject":"yes","body":\{"of":"yes"\}/ })
  t.equal((await api.call(undefined, { method: 'GET', url: '/v1/events' })).statusCode, 401)
})
