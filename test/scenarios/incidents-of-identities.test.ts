/**
 * Six faults of identities at once on the simulated clouds, with a webhook that hears every page: each is told once, with its cause, its place, what to do and what to
 * ask next; a refusal by policy is no page.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { operations } from '../../deploy/sim/clouds/clouds.ts'
import { files } from '../../deploy/sim/clouds/folder.ts'
import { startLocal } from '../../deploy/sim/clouds/local.ts'
import { startPlaying } from '../../deploy/sim/clouds/playing.ts'
import type { Page } from '../../wire/page.ts'
import { waitFor } from '../interop/programs.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { startPagesIn, type Told } from '../lab/pages-in.ts'
import { probe } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
t.setTimeout(560_000)

type Expected = { fault: string; page: Partial<Record<keyof Page, string | RegExp>>; evidence: RegExp; fix: RegExp }
/** Each at services of its own: none of them hides another. */
const expected: readonly Expected[] = [
  {
    fault: 'bundle-behind',
    page: {
      cause: 'trust_bundle_misaligned',
      severity: 'page',
      title: /^aws\/us-east-1 → azure\/eastus: aws\/us-east-1 does not hold an authority of azure\.example$/,
      next: /^probe check --from aws\/us-east-1 --to (ledger|accounts)$/,
    },
    evidence: /azure\.example 2 root.*not in the bundle of azure\.example/,
    fix: /aws\/us-east-1: our SPIRE server.*spire-server federation refresh -id spiffe:\/\/azure\.example/,
  },
  {
    fault: 'rotation-stuck',
    page: {
      cause: 'certificate_rotation_stuck',
      severity: 'page',
      title: /^target payments: its certificate (ends|ended) at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/,
      next: /^probe check --from \S+ --to payments$/,
    },
    evidence: /\d+ s left of a life of 60 minutes|over for .* of a life of 60 minutes/,
    fix: /kubectl rollout restart/,
  },
  {
    fault: 'certificate-ending',
    page: {
      cause: 'expiry',
      severity: 'ticket',
      title: /^target features: its certificate ends at .* UTC, in less than 30 days$/,
      next: /^probe check --from \S+ --to features$/,
    },
    evidence: /20 days left of a life of 365 days.*certificate 1 of 2 as sent/s,
    fix: /cmctl renew/,
  },
  {
    fault: 'intermediate-ending',
    page: {
      cause: 'expiry',
      severity: 'page',
      title: /^target predictions: an intermediate certificate ends at .* UTC, in less than 7 days$/,
      next: /^probe check --from \S+ --to predictions$/,
    },
    evidence: /certificate 2 of 3 as sent: "CN=authority of a team/,
    fix: /fullchain\.pem/,
  },
  {
    fault: 'identity-lapsed',
    page: {
      cause: 'identity_plane_down',
      severity: 'page',
      title: /^cluster gke-prod: workloads get no identity$/,
      next: /^probe get agents --cluster gke-prod$/,
    },
    evidence: /local_svid_unavailable at gcp\.example\/agent\/gcp-1, gcp\.example\/agent\/gcp-2/,
    fix: /kubectl get pods --namespace spire/,
  },
]
const refused = 'policy-refuses'

const startClouds = async (t: Test) => {
  const folder = mkdtempSync(join(tmpdir(), 'identities-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const stop = new AbortController()
  const local = await startLocal(
    {
      folder,
      probe: [process.execPath, probe],
      now: Date.now,
      say: () => {},
      onEnd: who => stop.signal.aborted || t.fail(`${who} has ended`),
    },
    stop.signal,
  )
  t.teardown(async () => {
    stop.abort()
    await local.stop()
  })
  const pages = await startPagesIn(local.network, operations)
  const env = {
    ...cleanEnv,
    CAUSEWAY_CONTROLLER: `https://${local.layout.controller}:8443`,
    CAUSEWAY_TOKEN: local.adminToken,
    XDG_CONFIG_HOME: folder,
  }
  const ask = async (...words: string[]): Promise<string> => {
    const argv = [process.execPath, probe, ...words, '--ca', join(folder, files.controllerAuthority)]
    const { status, stdout, stderr } = await local.network.run(operations, argv, { env, timeoutMs: 90_000 })
    if (status !== 0) throw new Error(stderr)
    return stdout
  }
  const key = join(folder, 'pages.key')
  writeFileSync(key, pages.env['PAGES_KEY']!)
  const alerts = join(folder, 'alerts.yaml')
  writeFileSync(alerts, `apiVersion: causeway/v1\nowner: oncall\n${pages.alerts.replace('{ env: PAGES_KEY }', `{ file: ${key} }`)}`)
  await ask('apply', '-f', alerts, '--yes')
  return { told: pages.told, ask, playing: startPlaying(local.stage, Date.now) }
}

type Path = { agent: string; target: string; measured: { verdict: string; reasons?: Record<string, number> } }
const whole = ({ page }: Told): string => [page.title, ...page.evidence].join('\n')

t.test('each fault of identities is one page with its cause, and a refusal by policy is none', { skip }, async t => {
  const { told, ask, playing } = await startClouds(t)
  const paths = async (): Promise<Path[]> =>
    (JSON.parse(await ask('get', 'paths', '--check', 'mtls', '--output', 'json')) as { items: Path[] }).items
  await waitFor(
    'identities that are well',
    async () => {
      const all = await paths()
      return (all.length === 36 && all.every(({ measured }) => measured.verdict !== 'unknown')) || undefined
    },
    150_000,
  )
  for (const { fault } of expected) await playing.set(fault, true)
  await playing.set(refused, true)
  const ofCause = ({ page }: Expected): Told[] =>
    told.filter(one => one.page.cause === page.cause && (page.title as RegExp).test(one.page.title))
  for (const one of expected)
    await waitFor(`a page of ${one.fault}`, async () => ofCause(one)[0], 240_000).catch((error: Error) =>
      t.fail(`${error.message}, but ${told.map(({ event, page }) => `${event} ${page.severity} ${page.title}`).join('; ')}`),
    )
  // What was late ends meanwhile: it is the same incident, told again and not anew.
  await waitFor(
    'the end of what was stuck',
    async () => told.find(({ page }) => /^target payments: its certificate ended/.test(page.title)),
    240_000,
  )
  for (const one of expected) {
    const its = ofCause(one)
    if (its.length === 0) continue
    t.match(its.at(-1)!.page, one.page, one.fault)
    t.ok(
      its.some(said => one.evidence.test(whole(said))),
      `what speaks for ${one.fault}: ${whole(its.at(-1)!)}`,
    )
    t.match(
      its
        .at(-1)!
        .page.fixes.map(({ where, command }) => `${where} ${command}`)
        .join('\n'),
      one.fix,
    )
    t.equal(new Set(its.map(({ key }) => key)).size, 1, `one incident of ${one.fault}`)
  }
  t.comment(told.map(({ event, key, page }) => [event, key, page.severity, page.title]))
  const firing = [...new Map(told.map(one => [one.id, one])).values()].filter(
    ({ event, page }) => event === 'firing' && page.severity === 'page',
  )
  t.equal(firing.length, expected.filter(({ page }) => page.severity === 'page').length, 'one page for each fault that pages, and no other')
  const denied = (await paths()).filter(({ target }) => target === 'orders')
  t.match(JSON.stringify(denied), /authorization_denied/, 'what the policy refuses is seen')
  t.notOk(
    told.some(({ page }) => /orders|authorization/.test(page.title)),
    'and nobody is told',
  )
  t.ok(told.every(({ isSigned }) => isSigned))
})
