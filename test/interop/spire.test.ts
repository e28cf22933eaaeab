/** Two trust domains of a real SPIRE on this machine, federated, and what `probe` says of them while one of them changes its authority. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Identity } from '../../probes/identity/identity.ts'
import { fetchJwtBundles, fetchJwtSvids, validateJwtSvid } from '../../probes/identity/workload-jwt.ts'
import { needsSpire } from './needs-spire.ts'
import { authoritiesIn, isSignedByOneOf, probeBundle, probeMtls, type Told } from './probe-spire.ts'
import { waitFor } from './programs.ts'
import {
  activateAuthority,
  federate,
  prepareAuthority,
  refreshHint,
  register,
  renew,
  type Spire,
  startSpire,
  taintAuthority,
  waitForIdentity,
} from './spire.ts'

const holds = (identity: Identity, trustDomain: string, count: number): boolean => authoritiesIn(identity, trustDomain).length === count

/** Both accept each other. */
async function expectHealthy(t: Test, from: Spire, to: Spire): Promise<void> {
  const { code, result, diagnosis, stdout } = await probeMtls(from, to)
  t.match(result, {
    outcome: { kind: 'ok' },
    measured: { peerId: to.workloadId, trustDomain: to.trustDomain, ourId: from.workloadId, clientAuth: 'accepted', verified: true },
    violations: [],
  })
  t.same(diagnosis, [])
  t.equal(code, 0)
  t.notMatch(stdout, /PRIVATE KEY/)
}

/** `from` has no authority for what `to` presents; the server of `to` knows `from` and lets it in. */
async function expectMisaligned(t: Test, from: Spire, to: Spire): Promise<void> {
  const { code, result, diagnosis } = await probeMtls(from, to)
  t.match(result, {
    outcome: { kind: 'fail', reason: 'untrusted_chain' },
    measured: { peerId: to.workloadId, clientAuth: 'accepted', verified: false },
  })
  t.match(diagnosis[0], { cause: 'trust_bundle_misaligned', layer: 'identity', summary: new RegExp(to.trustDomain.replace('.', '\\.')) })
  t.equal(diagnosis.length, 1)
  t.equal(code, 1)
}

/** The fixes that are one command for a SPIRE server, as they stand there: its arguments. */
const serverFixes = ({ diagnosis }: Pick<Told<'mtls'>, 'diagnosis'>): string[][] =>
  diagnosis[0]!.fixes.flatMap(({ command }) => (/^spire-server [^&|]*$/.test(command ?? '') ? [command!.split(' ').slice(1)] : []))

t.setTimeout(120_000)

t.test('two trust domains of a real SPIRE, while one changes its authority', { skip: needsSpire }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'spire-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [aws, azure] = await Promise.all([startSpire(t, folder, 'aws.test'), startSpire(t, folder, 'azure.test')])
  const bothWays = [
    [aws, azure],
    [azure, aws],
  ] as const

  await t.test('an agent gives nothing to a workload that is not registered', async t => {
    for (const { trustDomain, fetch } of [aws, azure]) {
      const isAnswer = ({ problems }: Identity): boolean => problems.some(one => one.code === 'no_identity')
      const answer = await waitFor(`answer of the agent of ${trustDomain}`, async () => [await fetch()].find(isAnswer))
      t.same(answer.svids, [])
    }
  })

  await Promise.all(bothWays.map(([here, other]) => federate(here, other, folder)))
  for (const [here, other] of bothWays) {
    await register(here, other)
    await waitForIdentity(here, 'SVID with both bundles', identity => holds(identity, other.trustDomain, 1))
  }

  await t.test('healthy both ways: each has accepted the other', async t => {
    for (const [from, to] of bothWays) await expectHealthy(t, from, to)
  })

  await t.test('its agents issue tokens, which the bundle verifies and the other side takes', async t => {
    const soon = () => AbortSignal.timeout(5000)
    const { svids, problems } = await fetchJwtSvids(aws.workloadApi, { audiences: ['azure'] }, soon())
    t.same(problems, [])
    t.match(svids, [{ id: aws.workloadId, expiresMs: Number }])
    const { bundles } = await fetchJwtBundles(aws.workloadApi, soon())
    t.ok((bundles.get('aws.test')?.length ?? 0) > 0)
    const token = svids[0]!.token
    t.match(await validateJwtSvid(azure.workloadApi, { audience: 'azure', token }, soon()), {
      id: aws.workloadId,
      claims: { sub: aws.workloadId },
    })
    t.match((await validateJwtSvid(azure.workloadApi, { audience: 'other', token }, soon())).problems, [{ code: 'request_refused' }])
    t.match((await fetchJwtSvids(aws.workloadApi, { audiences: [] }, soon())).problems, [{ code: 'request_refused' }])
  })

  let sequence = 0n
  let first = ''
  await t.test('its bundle endpoint is sound, and tells its sequence and refresh hint', async t => {
    const { code, result, diagnosis } = await probeBundle(aws, azure)
    t.match(result, {
      outcome: { kind: 'ok' },
      measured: { profile: 'https_spiffe', httpStatus: 200, endpointId: azure.endpoint.id, refreshHintSeconds: refreshHint.seconds },
      violations: [],
    })
    t.match(
      result.measured.authorities.filter(one => one.kind === 'x509'),
      [{ heldHere: true }],
    )
    t.same(diagnosis, [])
    t.equal(code, 0)
    sequence = BigInt(result.measured.sequence!)
  })

  await t.test('an authority that is published and not fetched yet is seen before it signs', async t => {
    const { active, prepared } = await prepareAuthority(azure)
    first = active
    const { code, result } = await probeBundle(aws, azure)
    t.equal(code, 0)
    t.ok(BigInt(result.measured.sequence!) > sequence, `sequence ${sequence}, then ${result.measured.sequence}`)
    const held = result.measured.authorities.flatMap(one => (one.kind === 'x509' ? [one.heldHere] : []))
    t.same(held.toSorted(), [false, true])
    t.match(result.warnings, [{ code: 'authority_not_held' }])
    await expectHealthy(t, aws, azure)
    await activateAuthority(azure, prepared)
  })

  await t.test('the new authority signs, and the other side has not fetched it: the bundles are misaligned', async t => {
    await renew(azure, aws)
    const held = authoritiesIn(await aws.fetch(), azure.trustDomain)
    await waitForIdentity(azure, 'SVID of the new authority', identity => !isSignedByOneOf(identity, held))
    await expectMisaligned(t, aws, azure)
    const { code, result, diagnosis } = await probeMtls(azure, aws)
    t.match(result, {
      outcome: { reason: 'client_cert_rejected' },
      measured: { peerId: aws.workloadId, clientAuth: 'rejected', alert: 48 },
    })
    t.match(diagnosis[0], { cause: 'peer_rejects_our_identity' })
    t.equal(code, 1)
    const [look] = serverFixes({ diagnosis })
    t.match(await aws.tryServer(...look!), { code: 0, stdout: /"x509-svid"/ }, look!.join(' '))
  })

  await t.test('the fix that the diagnosis names first repairs it', async t => {
    const fixes = serverFixes(await probeMtls(aws, azure))
    t.same(fixes[0], ['federation', 'refresh', '-id', 'spiffe://azure.test'])
    for (const fix of fixes) t.match(await aws.tryServer(...fix), { code: 0 }, fix.join(' '))
    await waitForIdentity(aws, 'both authorities', identity => holds(identity, azure.trustDomain, 2))
    for (const [from, to] of bothWays) await expectHealthy(t, from, to)
  })

  await t.test('a forced rotation also changes the endpoint: only a bundle carried over by hand repairs it', async t => {
    // Until its authority is tainted the server keeps what it shows at the endpoint, for half an hour.
    await taintAuthority(azure, first)
    const { active, prepared } = await prepareAuthority(azure)
    await activateAuthority(azure, prepared)
    await taintAuthority(azure, active)
    const held = authoritiesIn(await aws.fetch(), azure.trustDomain)
    await waitForIdentity(azure, 'SVID of the third authority', identity => !isSignedByOneOf(identity, held))
    await expectMisaligned(t, aws, azure)
    const { code, result, diagnosis } = await waitFor('endpoint with the third authority', async () =>
      [await probeBundle(aws, azure)].find(told => told.code !== 0),
    )
    t.match(result, { outcome: { kind: 'fail', reason: 'untrusted_chain' }, measured: { endpointId: azure.endpoint.id, httpStatus: 200 } })
    t.match(diagnosis[0], { cause: 'trust_bundle_misaligned' })
    t.equal(code, 1)
    t.match(await aws.tryServer('federation', 'refresh', '-id', azure.trustDomain), { code: 1 })

    const file = join(folder, 'bundle.json')
    writeFileSync(file, await azure.server('bundle', 'show', '-format', 'spiffe'))
    await aws.server('bundle', 'set', '-format', 'spiffe', '-id', `spiffe://${azure.trustDomain}`, '-path', file)
    await waitForIdentity(aws, 'all three authorities', identity => holds(identity, azure.trustDomain, 3))
    for (const [from, to] of bothWays) await expectHealthy(t, from, to)
    t.match((await probeBundle(aws, azure)).result.outcome, { kind: 'ok' })
  })
})
