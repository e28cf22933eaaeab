/** Five faults at once on one simulation: each is one incident that says what it is and where, and nothing else pages. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram, startProgram } from '../lab/run-program.ts'

const skip = await needsNamespaces()
t.setTimeout(450_000)
const folder = mkdtempSync(join(tmpdir(), 'sim-faults-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const env = { CAUSEWAY_SIM: join(folder, 'sim'), HOME: folder, XDG_CONFIG_HOME: folder }
const command = (...words: string[]): string[] => [process.execPath, probe, ...words]
const ask = async (...words: string[]): Promise<string> => (await runProgram(command(...words), env)).stdout

type Expected = { fault: string; cause: string; severity: 'page' | 'ticket'; title: RegExp; next: RegExp; fix?: RegExp; evidence: RegExp }
/** None of them hides another: they are at other places, or at layers that answer. */
const faults: readonly Expected[] = [
  {
    fault: 'mtu-black-hole',
    cause: 'path_mtu_black_hole',
    severity: 'page',
    title: /^azure\/eastus → aws\/us-east-1: packets above 1380 bytes vanish, this way only$/,
    next: /^probe check --from azure\/eastus --to aws\/us-east-1$/,
    fix: /maxseg size set 1340/,
    evidence: /MTU azure\/eastus → aws\/us-east-1: 1380/,
  },
  {
    fault: 'dns-split',
    cause: 'dns_broken',
    severity: 'page',
    title: /^target ledger-name: .*, for gcp\/us-central1 only$/,
    next: /^probe check --from gcp\/us-central1/,
    evidence: /203\.0\.113\.10/,
  },
  {
    fault: 'peer-rejects-us',
    cause: 'peer_rejects_our_identity',
    severity: 'page',
    title: /^target predictions: .*, for aws\/us-east-1 only$/,
    next: /^probe check --from aws\/us-east-1 --to predictions$/,
    evidence: /client_cert_rejected/,
  },
  {
    fault: 'clock-skew',
    cause: 'clock_skew',
    severity: 'page',
    title: /^target features: /,
    next: /^probe check --from \S+ --to features$/,
    evidence: /not_yet_valid/,
  },
  {
    fault: 'role-refuses-us',
    cause: 'federation_subject',
    severity: 'page',
    title: /^target predictor-role: /,
    next: /^probe /,
    fix: /sts:AssumeRoleWithWebIdentity.*:sub.*system:serviceaccount:ml:predictor/,
    evidence: /Not authorized to perform sts:AssumeRoleWithWebIdentity/,
  },
]

const heads = async (): Promise<IncidentHead[]> => {
  const text = await ask('get', 'incidents', '--output', 'json')
  return text === '' ? [] : (JSON.parse(text) as { items: IncidentHead[] }).items
}

t.test('each fault is one incident that says what it is, where, and what to do, and nothing else pages', { skip }, async t => {
  const sim = startProgram(command('sim'), env)
  let out = ''
  for (const stream of [sim.stdout!, sim.stderr!]) stream.on('data', data => (out += String(data)))
  const ended = once(sim, 'close')
  t.teardown(async () => {
    sim.kill('SIGINT')
    await ended
  })
  await waitFor('a simulation', async () => /Ctrl-C ends everything/.test(out) || undefined, 150_000)
  for (const { fault } of faults) await ask('sim', 'fault', fault)
  const isOpen = (all: readonly IncidentHead[], cause: string): boolean => all.some(one => one.state === 'open' && one.cause === cause)
  let found: IncidentHead[] = []
  await waitFor(
    'an incident for each fault',
    async () => {
      found = await heads()
      return faults.every(({ cause }) => isOpen(found, cause)) || undefined
    },
    280_000,
  ).catch((error: Error) => t.fail(`${error.message}, but ${found.map(({ state, title }) => `${state}: ${title}`).join('; ')}`))
  for (const { cause, title, severity, next, fix, evidence } of faults) {
    const own = found.filter(one => one.cause === cause)
    t.equal(own.length, 1, `one incident of ${cause}: ${own.map(one => one.title).join('; ')}`)
    if (own.length === 0) continue
    const whole = JSON.parse(await ask('incident', own[0]!.id, '--output', 'json')) as IncidentAnswer
    t.match(whole, { title, severity, next }, cause)
    t.match(whole.evidence.join('\n'), evidence)
    if (fix) t.match(JSON.stringify(whole.fixes), fix)
  }
  const causes = new Set<string | null>(faults.map(({ cause }) => cause))
  t.same(
    found.filter(one => one.state === 'open' && one.severity === 'page' && !causes.has(one.cause)).map(one => one.title),
    [],
    'no other page',
  )
})
