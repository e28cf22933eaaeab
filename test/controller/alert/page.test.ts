/** What a page says beside the words of its incident. */
import t from 'tap'
import { pageOf } from '../../../controller/alert/page-of.ts'
import { incident } from '../web/incident-of.ts'

const fleet = { alerts: { runbooks: [] } }

t.test('a page leads to its incident and to what was measured around it, where people can reach the controller', async t => {
  const sinceMs = Date.parse('2026-11-22T08:00:00Z')
  const { links } = pageOf(incident('i-1', { sinceMs }), fleet, 'https://causeway.example')
  t.strictSame(links[0], { title: 'Incident', url: 'https://causeway.example/v1/incidents/i-1' })
  const history = new URL(links[1]!.url)
  t.equal(history.pathname, '/v1/history')
  t.same(Object.fromEntries(history.searchParams), {
    ...{ groupBy: 'link', step: '1m', since: '2026-11-22T07:30:00.000Z' },
    ...{ from: 'aws/us-east-1', to: 'azure/eastus' },
  })
  const ended = pageOf(incident('i-1', { sinceMs, endedMs: sinceMs, state: 'ended' }), fleet, 'https://causeway.example')
  t.equal(new URL(ended.links[1]!.url).searchParams.get('until'), '2026-11-22T08:30:00.000Z')
})

t.test('a controller that was not told where people find it leads nowhere', async t => {
  t.strictSame(pageOf(incident('i-1'), fleet).links, [])
})
