/** Fleets of two agents, where every bad path is the only one of its kind. */
import t from 'tap'
import { placeLone } from '../../../controller/alert/lone-paths.ts'
import type { PathVerdict } from '../../../controller/localise/verdict.ts'

const path = (from: string, to: string, check: 'icmp' | 'tcp', more: Partial<PathVerdict> = {}): PathVerdict => ({
  path: `${from} ${to} ${check}`,
  ...{ agent: from, target: `agent/${to}`, toAgent: to, check, kind: check, verdict: 'unknown' },
  ...{ cloud: from, region: `${from}/r`, toCloud: to, toRegion: `${to}/r` },
  ...more,
})
const lost = {
  icmp: { verdict: 'bad', layer: 'reach', reason: 'no_reply' },
  tcp: { verdict: 'bad', layer: 'tcp', reason: 'tcp_timeout' },
} as const
const cut = (from: string, to: string): PathVerdict[] => [path(from, to, 'tcp', lost.tcp), path(from, to, 'icmp', lost.icmp)]
const placed = (all: PathVerdict[]) =>
  placeLone(
    all,
    all.filter(({ verdict }) => verdict === 'bad').map(one => one.path),
  ).faults.map(({ place, layer, explains }) => ({ place, layer, paths: explains.length }))

t.test('both sides of a cut link make one fault of it, and the same one', async t => {
  const both = { place: { kind: 'link', from: 'aws/r', to: 'azure/r', both: true }, layer: 'reach', paths: 2 }
  t.strictSame(placed([...cut('aws', 'azure'), path('azure', 'aws', 'icmp')]), [both])
  t.strictSame(placed([...cut('azure', 'aws'), path('aws', 'azure', 'icmp')]), [both])
})

t.test('the other way is well: then it is this way', async t => {
  const well = path('azure', 'aws', 'icmp', { verdict: 'good' })
  t.match(placed([path('aws', 'azure', 'icmp', lost.icmp), well]), [{ place: { kind: 'link', from: 'aws/r', both: undefined } }])
})
