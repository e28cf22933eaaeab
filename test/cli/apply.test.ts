/** `probe apply` against a controller's API on a port. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { putAgent } from '../../controller/store/agents.ts'
import type { ApplyAnswer, FleetAnswer } from '../../wire/api/fleet.ts'
import { agentsOf } from '../controller/plan/made-up-fleet.ts'
import { startMs } from '../controller/web/api.ts'
import { controllerHere, type Here, piped, typed } from './controller-here.ts'

const fleet = (every = '10s', rest = ''): string => `apiVersion: causeway/v1
owner: platform
checks:
  - { name: ping, kind: icmp, every: ${every} }
mesh:
  - { name: all, checks: [ping], policy: full, inDegree: 0 }
links:
  - { from: aws/r0, to: azure/r1, price: { perGB: 0.05 } }
${rest}`

const withAgents = async (here: Here): Promise<void> => {
  for (const { id, location, advertise } of agentsOf(4, 2))
    await here.parts.store.write(sql =>
      putAgent(sql, { id, location, labels: {}, advertise, details: {}, proof: { kind: 'join', issuer: 'i', subject: id } }, startMs),
    )
}
const save = (here: Here, text: string): string => {
  const file = join(here.folder, 'fleet.yaml')
  writeFileSync(file, text)
  return file
}
const generation = async ({ probe }: Here): Promise<number> =>
  (JSON.parse((await probe(['get', 'fleet', '--output', 'json'])).out) as FleetAnswer).generation

t.test('it shows paths, traffic and cost per link first, and applies nothing before somebody says yes', async t => {
  const here = await controllerHere(t, { location: { cloud: 'gcp', region: 'r2' } })
  await withAgents(here)
  const file = save(here, fleet())
  const dry = await here.probe(['apply', '-f', file, '--dry-run'])
  t.match(dry, { code: 0, err: '' })
  t.match(dry.out, /plan for platform {2}against generation 0, 4 agents/)
  t.match(dry.out, /paths: 8 added, 44 removed, 0 changed/, 'what agents do by themselves until then goes')
  t.match(dry.out, /\+ ping {2}a00000 → agent\/a00001/)
  t.match(dry.out, /series +\d+ -> \d/)
  t.match(dry.out, /packets\/s +[\d.]+ -> [\d.]+/)
  t.match(dry.out, /telemetry +[\d.]+k?B\/s -> [\d.]+k?B\/s/)
  t.match(dry.out, /egress cost per month +[\d.]+( USD)? -> [\d.]+ USD/)
  t.match(dry.out, /aws\/r0 +azure\/r1 +\d+ -> 4 .*0\.05\/GB of the link/)
  t.match(dry.out, /aws\/r0 +gcp\/r2 .*list price 20\d\d-\d\d-\d\d/, 'telemetry goes to the controller')
  t.equal(await generation(here), 0)
  t.match(await here.probe(['apply', '-f', file]), { code: 2, err: /nothing was applied: --yes applies it/ })
  t.match(await here.probe(['apply', '-f', file], { stdin: typed('n\n') }), { code: 2, err: /\[y\/N\].*nothing was applied\n$/s })
  t.equal(await generation(here), 0)
  const yes = await here.probe(['apply', '-f', file], { stdin: typed('y\n') })
  t.match(yes, { code: 0, out: /applied: the fleet is at generation 1\n$/ })
  t.match(await here.probe(['apply', '-f', file, '--yes']), { code: 0, out: /nothing to change: platform has exactly this/ })
  const json = await here.probe(['apply', '--file', '-', '--yes', '--output', 'json'], { stdin: piped(fleet('30s')) })
  t.match(JSON.parse(json.out) as ApplyAnswer, { outcome: 'applied', generation: 2, plan: { paths: { changed: 8 } } })
})

t.test('a bad fleet file is refused with file, line and reason, and nothing changes', async t => {
  const here = await controllerHere(t)
  const file = save(here, fleet())
  await here.probe(['apply', '-f', file, '--yes'])
  writeFileSync(file, `${fleet()}targets:\n  - { name: pay, address: "pay:99999" }\n  - { nam: pay2, address: "pay:443" }\n`)
  const { code, out, err } = await here.probe(['apply', '-f', file, '--yes'])
  t.equal(code, 2)
  t.equal(out, '')
  const lines = err.trim().split('\n')
  t.match(lines[0], new RegExp(`^${file}:10: targets\\[0\\]\\.address: .*99999`))
  t.ok(lines.some(line => line.startsWith(`${file}:11: targets[1]`)))
  t.match(lines.at(-1), /probe apply: http:\S+: the fleet file has \d problems, nothing was applied$/)
  t.equal(await generation(here), 1)
})

t.test('teams that apply at the same time all get there; who saw a plan that is no more is told', async t => {
  const here = await controllerHere(t)
  const teams = ['a', 'b', 'c'].map(
    owner => `apiVersion: causeway/v1\nowner: ${owner}\ntargets: [{ name: ${owner}, address: "${owner}.example:443" }]\n`,
  )
  const all = await Promise.all(teams.map(text => here.probe(['apply', '-f', '-', '--yes'], { stdin: piped(text) })))
  t.same(
    all.map(({ code, err }) => `${code} ${err}`),
    ['0 ', '0 ', '0 '],
  )
  t.equal(await generation(here), 3)
  const meanwhile = Object.assign(typed('y\n'), { isTTY: true })
  const file = save(here, fleet())
  const asking = async function* () {
    // Between the question and its answer somebody else applies.
    await here.probe(['apply', '-f', '-', '--yes'], { stdin: piped(teams[0]!.replace(':443', ':444')) })
    yield* meanwhile
  }
  const late = await here.probe(['apply', '-f', file], { stdin: Object.assign(asking(), { isTTY: true }) })
  t.match(late, { code: 1, err: /at generation 4, and this was planned against 3: look at it again/ })
})

t.test('what is asked of it in the wrong way is told at once', async t => {
  const here = await controllerHere(t)
  const { code, err } = await here.probe(['apply', 'fleet.yaml', '--ye', '--watch', '--output', 'xml'])
  t.equal(code, 2)
  for (const line of [
    /"fleet\.yaml" does not belong here, did you mean -f <file>\?/,
    /--ye: unknown option of apply, did you mean --yes\?/,
    /--output: got "xml", want human, json/,
    /no fleet file: -f <file>/,
    /--watch: applies without asking, want --yes/,
  ])
    t.match(err, line)
  t.match(await here.probe(['apply', '-f', '/no/such.yaml']), { code: 2, err: /\/no\/such\.yaml: no such file/ })
  t.match(await here.probe(['apply', '-f', '-'], { stdin: piped(fleet()) }), {
    code: 2,
    out: /plan for platform/,
    err: /nothing was applied/,
  })
})

t.test('with --watch the file is applied again when it changes', async t => {
  const here = await controllerHere(t)
  const file = save(here, fleet())
  const watching = here.watch(['apply', '-f', file, '--yes', '--watch'])
  await watching.until(({ err }) => err.includes('waiting for'))
  t.equal(await generation(here), 1)
  writeFileSync(`${file}.new`, fleet('20s'))
  renameSync(`${file}.new`, file)
  await watching.until(({ out }) => out.includes('generation 2'))
  writeFileSync(file, 'owner: [')
  await watching.until(({ err }) => err.includes('nothing was applied'))
  t.equal(await generation(here), 2, 'a bad file changes nothing, and it goes on')
  writeFileSync(file, fleet('40s'))
  await watching.until(({ out }) => out.includes('generation 3'))
  t.equal(await watching.stop(), 0)
})

t.test('a former generation can be had as a file, and applied', async t => {
  const here = await controllerHere(t)
  for (const every of ['10s', '20s']) await here.probe(['apply', '-f', save(here, fleet(every)), '--yes'])
  const former = await here.probe(['get', 'fleet', '--generation', '1', '--output', 'yaml'])
  t.match(former, { code: 0, out: /every: 10s/ })
  t.match(await here.probe(['apply', '-f', '-', '--yes'], { stdin: piped(former.out) }), { code: 0, out: /generation 3/ })
  const current = await here.probe(['get', 'fleet', '--output', 'yaml'])
  t.equal(current.out, former.out)
  t.match(JSON.parse((await here.probe(['get', 'schema'])).out), { title: 'Causeway fleet' }, 'the schema for editors')
})
