/** Certificates that end: which one it is, when, what is told once and what is told again; and what ends in the end. */
import t from 'tap'
import { Endings } from '../../../controller/alert/endings.ts'
import { judgeExpiry } from '../../../controller/alert/expiry.ts'
import { type BadPath, findingOfFault } from '../../../controller/alert/fault-finding.ts'
import type { Rule } from '../../../controller/alert/rules.ts'
import type { PathVerdict } from '../../../controller/localise/verdict.ts'
import type { FailReason } from '../../../wire/reasons.ts'

const [hourMs, dayMs] = [3_600_000, 86_400_000]
const nowMs = Date.parse('2026-11-22T08:00:00Z')
const agents = ['aws', 'gcp'].map(cloud => ({ agent: `${cloud}-1`, region: `${cloud}/one` }))

type Told = { position: number; count: number }
/** Both agents see a certificate that has this long left of its life. */
const find = (leftMs: number, lifeMs: number, { reason, told, cause }: { reason?: FailReason; told?: Told; cause?: 'clock_skew' } = {}) => {
  const endsMs = nowMs + leftMs
  const expiry = judgeExpiry(endsMs / 1000, lifeMs / 1000, nowMs)!
  const certificate = told && { ...told, subject: 'CN=team', issuer: 'CN=root', serial: '0A', endsMs }
  const rule = { name: expiry.rule, severity: 'ticket', runbook: 'expiry' } as Rule
  const bad = agents.map(({ agent, region }): [string, BadPath] => {
    const path = `${agent} mtls ledger`
    const verdict: PathVerdict = { path, agent, region, target: 'ledger', check: 'mtls', kind: 'mtls', verdict: 'bad' }
    const diagnosis = cause && {
      ...{ cause, layer: 'certificate' as const, confidence: 'possible' as const, summary: 'a clock?', next: '' },
      ...{ evidence: [], against: [], fixes: [], atMs: 0 },
    }
    return [
      path,
      {
        verdict,
        badness: { rule, severity: 'ticket', layer: 'certificate', isFiring: true, sinceMs: 0, ...(reason && { reason }) },
        mtu: { was: [0, 0], now: [0, 0] },
        ending: { ...expiry, endsMs, lifeMs, ...(certificate && { certificate }) },
        owners: [],
        ...(diagnosis && { diagnosis }),
      },
    ]
  })
  return findingOfFault(
    { place: { kind: 'target', name: 'ledger' }, layer: 'certificate', explains: bad.map(([path]) => path), against: [], unknown: 0 },
    { bad: new Map(bad), within: 2, nowMs },
  )!
}

t.test('a long life says the day and the limit that was passed; a short one the second and the share', async t => {
  const long = find(20 * dayMs, 365 * dayMs)
  t.match(long, {
    title: 'target ledger: its certificate ends at 2026-12-12 08:00:00 UTC, in less than 30 days',
    cause: null,
    what: 'expiry',
    runbook: 'expiry',
    next: 'probe check --from aws/one --to ledger',
  })
  t.match(find(10 * dayMs, 365 * dayMs).title, /in less than 14 days$/)
  t.match(find(3 * dayMs, 365 * dayMs).title, /in less than 7 days$/)
  const short = find(hourMs / 6, hourMs)
  t.match(short, {
    title: 'target ledger: its certificate ends at 2026-11-22 08:10:00 UTC, in less than 25 % of its life',
    cause: 'certificate_rotation_stuck',
    runbook: 'certificate_rotation_stuck',
  })
  t.match(short.evidence, [/^600 s left of a life of 60 minutes, which is 16 %$/, '2 of 2 paths see it'])
  for (const { fixes } of [long, short]) t.ok(fixes.length > 0, 'what renews it')
})

t.test('the title is the same until another limit is passed: it is not told with every turn', async t => {
  t.equal(find(hourMs / 6, hourMs).title.replace('08:10:00', ''), find(hourMs / 6 - 60_000, hourMs).title.replace('08:09:00', ''))
})

t.test('which certificate of the chain', async t => {
  t.match(find(3 * dayMs, 365 * dayMs, { told: { position: 1, count: 3 } }).title, /: its certificate ends/)
  const above = find(3 * dayMs, 365 * dayMs, { told: { position: 2, count: 3 } })
  t.match(above.title, /^target ledger: an intermediate certificate ends at 2026-11-25 /)
  t.ok(above.evidence.includes('certificate 2 of 3 as sent: "CN=team", issued by "CN=root", serial 0A'))
})

t.test('what was late has ended: no clock is at fault, whatever an agent makes of the few seconds', async t => {
  const over = find(-7000, hourMs, { reason: 'svid_expired', cause: 'clock_skew' })
  t.match(over, {
    title: 'target ledger: its certificate ended at 2026-11-22 07:59:53 UTC and was not renewed',
    cause: 'certificate_rotation_stuck',
  })
  t.match(over.evidence[0], /^over for 7 seconds of a life of 60 minutes/)
  t.match(find(hourMs / 20, hourMs, { reason: 'svid_expired', cause: 'clock_skew' }), { cause: 'clock_skew' }, 'here it has not ended')
})

t.test('an agent says which certificate it is; of another end it has said nothing', async t => {
  const endings = new Endings()
  const attributes = {
    'causeway.check': 'mtls',
    'causeway.kind': 'mtls',
    'causeway.target': 'ledger',
    'server.address': 'ledger.test',
    'causeway.certificate.position': 2,
    'causeway.certificate.count': 3,
    'causeway.certificate.subject': 'CN=team',
    'causeway.certificate.not_after': '2026-11-25T08:00:00.000Z',
  }
  const event = (kind: string, more: object = {}) => ({
    id: 1,
    atMs: 0,
    kind,
    subject: 'aws-1',
    body: { attributes: { ...attributes, ...more } },
  })
  endings.take([event('certificate_ending'), event('path_changed', { 'causeway.certificate.position': 1 })])
  const endsMs = Date.parse('2026-11-25T08:00:00Z')
  const [id] = endings.paths()
  t.match(endings.of(id!, endsMs), { position: 2, count: 3, subject: 'CN=team' })
  t.equal(endings.of(id!, endsMs + dayMs), undefined)
  endings.take([event('certificate_ending', { 'causeway.certificate.position': 9 })])
  t.match(endings.of(id!, endsMs), { position: 2 }, 'what cannot be is not believed')
})
