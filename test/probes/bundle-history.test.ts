import t from 'tap'
import { compareWithBefore, type PublishedBundle } from '../../probes/bundle-history.ts'
import { judgeLead } from '../../probes/bundle-lead.ts'

const day = 86_400_000
const now = 1000 * day
const minute = 60_000
const codes = (found: readonly { code: string }[]) => found.map(({ code }) => code)
/** One authority of 20 days that began 11 days ago: past half of its life. */
const aged: PublishedBundle = {
  sequence: 3n,
  text: 'one',
  modifiedMs: null,
  authorities: [{ id: 'a', notBeforeMs: now - 11 * day, notAfterMs: now + 9 * day }],
}

t.test('stale: no change since before half of the youngest authority, by our own watch or by the date that the server gives', async t => {
  const first = compareWithBefore(undefined, aged, now)
  t.strictSame(codes(first.violations), [], 'one look says nothing')
  t.strictSame(
    codes(compareWithBefore(undefined, { ...aged, modifiedMs: now - 5 * day }, now).violations),
    ['bundle_stale'],
    'Last-Modified',
  )
  t.strictSame(codes(compareWithBefore(undefined, { ...aged, modifiedMs: now - minute }, now).violations), [], 'modified a minute ago')

  const early = compareWithBefore(undefined, aged, now - 5 * day)
  t.strictSame(codes(compareWithBefore(early.record, aged, now).violations), ['bundle_stale'], 'watched')
  const changed = { ...aged, sequence: 4n, text: 'two', modifiedMs: now - 5 * day }
  t.strictSame(codes(compareWithBefore(early.record, changed, now).violations), [], 'it has changed, whatever its date says')
})

t.test('an authority that appears between two looks is known since the second', async t => {
  const first = compareWithBefore(undefined, aged, now)
  t.equal(first.record.firstSeenMs.get('a'), null, 'there before anybody looked')
  const two = {
    ...aged,
    sequence: 4n,
    text: 'two',
    authorities: [...aged.authorities, { id: 'b', notBeforeMs: now, notAfterMs: now + 20 * day }],
  }
  const second = compareWithBefore(first.record, two, now + minute)
  t.strictSame(
    [...second.record.firstSeenMs],
    [
      ['a', null],
      ['b', now + minute],
    ],
  )
  t.strictSame(
    [...compareWithBefore(second.record, two, now + 2 * minute).record.firstSeenMs],
    [
      ['a', null],
      ['b', now + minute],
    ],
    'and stays so',
  )
})

t.test('published three refresh hints before it signs: enough; less: worth a word', async t => {
  const old = { id: 'a', name: 'old', notBeforeMs: now - 20 * day, notAfterMs: now + 5 * day }
  const next = { id: 'b', name: 'next', notBeforeMs: now - 2 * day, notAfterMs: now + 20 * day }
  const seen = (at: number | null) =>
    new Map([
      ['a', null],
      ['b', at],
    ])
  const facts = { authorities: [old, next], refreshHintSeconds: 300, firstSeenMs: seen(null), nowMs: now }
  const signs = (sinceMs: number) => ({ id: 'b', sinceMs })
  t.strictSame(judgeLead(facts), [], 'prepared, and time enough')
  t.strictSame(judgeLead({ ...facts, signer: signs(now) }), [], 'it began two days ago')
  const watched = { ...facts, firstSeenMs: seen(now - 10 * minute) }
  t.match(judgeLead({ ...watched, signer: signs(now) }), [{ code: 'authority_published_late', detail: /at most 600 s before, want 900 s/ }])
  t.strictSame(judgeLead({ ...watched, signer: signs(now + 5 * minute) }), [], 'exactly three hints')
  t.strictSame(
    judgeLead({ ...watched, refreshHintSeconds: null, signer: signs(now + 5 * minute) }),
    [],
    'five minutes where there is no hint',
  )
  t.strictSame(judgeLead({ ...watched, signer: { id: 'a', sinceMs: now } }), [], 'the old one still signs')
  const ending = { ...watched, authorities: [{ ...old, notAfterMs: now + minute }, next] }
  t.match(judgeLead(ending), [{ detail: /has to sign from .*at most 660 s before/ }])
  t.strictSame(
    judgeLead({ ...facts, authorities: [{ ...next, notBeforeMs: now }], signer: signs(now) }),
    [],
    'a first authority has no one before it',
  )
})
