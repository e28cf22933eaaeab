/** What a target answers wrongly, to all who ask or to some: one incident at the target, and which way what was lost went. */
import t from 'tap'
import { agreeOn } from '../../../controller/alert/diagnoses.ts'
import { type BadPath, findingOfFault } from '../../../controller/alert/fault-finding.ts'
import { placeLone } from '../../../controller/alert/lone-paths.ts'
import type { Rule } from '../../../controller/alert/rules.ts'
import { localise } from '../../../controller/localise/localise.ts'
import type { PathVerdict } from '../../../controller/localise/verdict.ts'
import { layerOfCause } from '../../../wire/causes.ts'

const agents = ['aws', 'azure', 'gcp'].flatMap(cloud => [1, 2].map(k => ({ agent: `${cloud}-${k}`, cloud, region: `${cloud}/one` })))
type Answer = Pick<PathVerdict, 'verdict' | 'layer' | 'reason'>
const well: Answer = { verdict: 'good' }
const other: Answer = { verdict: 'bad', layer: 'identity', reason: 'id_mismatch' }

/** Six agents and two targets of azure. */
const ask = (of: (agent: string, target: string) => Answer): PathVerdict[] =>
  ['ledger', 'accounts'].flatMap(target =>
    agents.map(one => ({
      ...one,
      path: `${one.agent} mtls ${target}`,
      target,
      toRegion: 'azure/one',
      toCloud: 'azure',
      check: 'mtls',
      kind: 'mtls' as const,
      trustDomain: 'azure.example',
      ...of(one.agent, target),
    })),
  )
const placesOf = (paths: readonly PathVerdict[]) => {
  const { faults, unexplained } = localise(paths)
  const lone = placeLone(paths, unexplained)
  return { faults: [...faults, ...lone.faults], rest: lone.rest }
}

t.test('whoever of the agents is heard of first, another identity at a target is one fault at the target', async t => {
  for (let known = 2; known <= agents.length; known++) {
    const bad = agents.slice(0, known).map(({ agent }) => agent)
    const { faults, rest } = placesOf(ask((agent, target) => (target === 'ledger' && bad.includes(agent) ? other : well)))
    t.match(faults, [{ place: { kind: 'target', name: 'ledger' }, layer: 'identity' }], `${known} of ${agents.length}`)
    t.equal(faults[0]!.explains.length, known)
    t.equal(faults.length, 1)
    t.same(rest, [])
  }
})

t.test('a target that refuses one region is that, and says which', async t => {
  const refused: Answer = { verdict: 'bad', layer: 'identity', reason: 'client_cert_rejected' }
  const { faults } = placesOf(ask((agent, target) => (target === 'accounts' && agent.startsWith('aws') ? refused : well)))
  t.match(faults, [{ place: { kind: 'target', name: 'accounts' }, onlyFrom: 'aws/one' }])
})

t.test('two targets that fail in two ways, one of them for one region only, are two faults at their targets', async t => {
  const refused: Answer = { verdict: 'bad', layer: 'identity', reason: 'client_cert_rejected_silent' }
  const early: Answer = { verdict: 'bad', layer: 'certificate', reason: 'svid_not_yet_valid' }
  const { faults } = placesOf(ask((agent, target) => (target === 'ledger' ? early : agent.startsWith('aws') ? refused : well)))
  t.match(
    faults.map(({ place }) => place),
    [
      { kind: 'target', name: 'ledger' },
      { kind: 'target', name: 'accounts' },
    ],
  )
  t.equal(faults[1]?.onlyFrom, 'aws/one')
})

t.test('one agent that is alone with what it sees stays a ticket of its own', async t => {
  const { faults, rest } = placesOf(ask((agent, target) => (target === 'ledger' && agent === 'aws-1' ? other : well)))
  t.same(faults, [])
  t.same(rest, ['aws-1 mtls ledger'])
})

const rule = { name: 'default/black-hole', runbook: 'path_mtu_black_hole' } as Rule
const blackHole = (verdict: PathVerdict, cause: 'path_mtu_black_hole' | 'port_filtered'): BadPath => ({
  verdict: { ...verdict, kind: 'mtu', layer: 'path' },
  badness: { rule, severity: 'page', layer: 'path', isFiring: true, sinceMs: 0 },
  diagnosis: {
    cause,
    layer: layerOfCause(cause),
    direction: 'reverse',
    confidence: 'certain',
    summary: '',
    evidence: [],
    against: [],
    fixes: [],
    next: '',
    atMs: 0,
  },
  mtu: { was: [1500, 1500], now: [1500, 1380] },
  owners: [],
})

t.test('the direction of an incident is that of its place, whichever end told it', async t => {
  const verdict = ask(() => other)[0]!
  const told = blackHole(verdict, 'path_mtu_black_hole')
  const of = (from: string, to: string, both?: true) =>
    findingOfFault(
      { place: { kind: 'link', from, to, ...(both && { both }) }, layer: 'path', explains: [verdict.path], against: [], unknown: 0 },
      { bad: new Map([[verdict.path, told]]), nowMs: 0, within: 1 },
    )
  t.match(of('azure/one', 'aws/one'), { direction: 'forward', title: /above 1380 bytes vanish, this way only$/ })
  t.match(of('aws/one', 'azure/one', true), { direction: 'reverse', title: /above 1380 bytes vanish on the way back$/ })
})

t.test('the cause of a fault is what is said of its own layer, however many say what follows from it', async t => {
  const all = ask(() => other)
  const bad = all.map((verdict, at): [string, BadPath] => [
    verdict.path,
    blackHole(verdict, at > 0 ? 'port_filtered' : 'path_mtu_black_hole'),
  ])
  const found = findingOfFault(
    {
      place: { kind: 'link', from: 'azure/one', to: 'aws/one' },
      layer: 'path',
      explains: all.map(({ path }) => path),
      against: [],
      unknown: 0,
    },
    { bad: new Map(bad), nowMs: 0, within: 1 },
  )
  t.equal(found?.cause, 'path_mtu_black_hole')
})

t.test('who sees that one gateway clamps and the other does not says all that those say who see the hole alone', async t => {
  const { diagnosis } = blackHole(ask(() => other)[0]!, 'path_mtu_black_hole')
  const [hole, clamp] = [diagnosis!, { ...diagnosis!, cause: 'mss_not_clamped' as const, summary: 'the gateway of azure' }]
  t.match(agreeOn([hole, hole, hole, clamp]), { cause: 'mss_not_clamped', best: { summary: 'the gateway of azure' }, share: 1 })
  t.match(agreeOn([hole, hole, hole, hole, clamp]), { cause: 'path_mtu_black_hole', runnerUp: 'mss_not_clamped' })
  t.match(agreeOn([clamp, clamp]), { cause: 'mss_not_clamped' })
})
