/** What is said by several rules of the same fault is one finding. */
import t from 'tap'
import type { Finding } from '../../../controller/alert/incident.ts'
import { mergeFindings } from '../../../controller/alert/merge-findings.ts'
import { findingOfAgents } from '../../../controller/alert/other-findings.ts'
import { compileRules } from '../../../controller/alert/rules.ts'
import { incidentKey, type Place, placeText } from '../../../controller/localise/place.ts'

const [aws, azure, gcp] = ['aws/one', 'azure/one', 'gcp/one']
const rules = compileRules({ alerts: { receivers: [], routes: [], rules: [], runbooks: [] } as never })
const cut = (both: true | undefined): Finding => {
  const place: Place = { kind: 'link', from: aws, to: azure, ...(both && { both }) }
  const lost = findingOfAgents(
    { kind: 'lost', agents: ['x'], place: 'x', isRegion: false, sinceMs: 0 },
    rules.byName.get('default/agent-lost'),
    0,
  )!
  return {
    ...lost,
    key: incidentKey(place, 'reach'),
    place,
    placeText: placeText(place),
    layer: 'reach',
    what: 'host_down',
    cause: 'host_down',
  }
}
const lost = (agents: string[], region: string): Finding => ({
  ...findingOfAgents(
    { kind: 'lost', agents, place: agents.length > 1 ? region : agents[0]!, isRegion: agents.length > 1, sinceMs: 0 },
    rules.byName.get('default/agent-lost'),
    0,
  )!,
  from: [region],
})
const count = (failures: Finding[], others: Finding[], home: string | undefined): number => mergeFindings(failures, others, home).length

t.test('agents behind a link that is cut are part of it, for a controller at its other end', async t => {
  for (const agents of [['azure-1'], ['azure-1', 'azure-2']]) {
    t.equal(count([cut(true)], [lost(agents, azure)], aws), 1)
    t.equal(count([cut(true)], [lost(agents, azure)], undefined), 1, 'it may be at the other end')
    t.equal(count([cut(true)], [lost(agents, azure)], azure), 2, 'they are at its own end')
    t.equal(count([cut(true)], [lost(agents, azure)], gcp), 2, 'it reaches both ends by other ways')
    t.equal(count([cut(undefined)], [lost(agents, azure)], aws), 2, 'one way is open')
    t.equal(count([cut(true)], [lost(agents, gcp)], aws), 2, 'they are elsewhere')
  }
  const [only] = mergeFindings([cut(true)], [lost(['azure-1'], azure)], aws)
  t.match(only, { what: 'host_down', evidence: ['silent: x', 'silent: azure-1'] })
})
