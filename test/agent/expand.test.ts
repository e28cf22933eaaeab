import t from 'tap'
import { expand } from '../../agent/expand.ts'
import type { AssignedCheck, AssignedTarget } from '../../wire/assignment.ts'
import { printSteps } from '../../wire/problem.ts'

const target = (more: Partial<AssignedTarget> = {}): AssignedTarget => ({ name: 'a', address: '192.0.2.1:443', ...more })
const check = (more: Partial<AssignedCheck> = {}): AssignedCheck => ({ name: 'c', kind: 'tcp', every: '10s', ...more })
const problemsOf = (targets: AssignedTarget[], checks: AssignedCheck[]) =>
  expand({ targets, checks }).problems.map(({ path, message }) => `${printSteps(path)}: ${message}`)

t.test('each check goes to each target that it names, or to all', async t => {
  const targets = [target(), target({ name: 'b', address: 'svc.example', location: 'azure/eastus/1' })]
  const { paths } = expand({ targets, checks: [check({ kind: 'icmp' }), check({ name: 'd', kind: 'icmp', targets: ['b'] })] })
  t.same(
    paths.map(({ key }) => key),
    ['c/a', 'c/b', 'd/b'],
  )
  t.match(paths[2], { host: 'svc.example', port: undefined, destination: { cloud: 'azure', region: 'eastus', zone: '1' } })
})

t.test('options are read with their units, defaults are filled in, and a run never outlasts its interval', async t => {
  const { paths } = expand({
    targets: [target()],
    checks: [check({ kind: 'icmp', every: '1s', options: { count: 3, interval: '50ms', size: '1KiB' } })],
  })
  t.match(paths[0], { everyMs: 1000, timeoutMs: 1000, options: { count: 3, intervalMs: 50, sizeBytes: 1024, timeoutMs: 1000 } })
  t.ok(Object.isFrozen(paths[0]) && Object.isFrozen(paths[0]!.options))
})

t.test("what a target says of its names and identity reaches the kinds that take it; a check's own options win", async t => {
  const identity = target({ tls: { sni: 'x.test', alpn: ['istio'] }, expectId: 'spiffe://x.test/a' })
  const { paths } = expand({ targets: [identity], checks: [check({ kind: 'mtls', options: { alpn: ['h2'] } }), check({ name: 'd' })] })
  t.match(paths[0]!.options, { sni: 'x.test', alpn: ['h2'], expectId: 'spiffe://x.test/a' })
  t.notOk('sni' in paths[1]!.options)
})

t.test('a target without a port has that of the kind; a path and names reach http too', async t => {
  const site = target({ address: 'site.example', path: '/health', tls: { sni: 'x.test' } })
  const ports = { tls: 443, mtls: 443, bundle: 443, udp: 7460, http: 443, icmp: undefined } as const
  const checks = Object.keys(ports).map(kind => check({ name: kind, kind: kind as keyof typeof ports }))
  const { paths } = expand({ targets: [site], checks: [...checks, check({ name: 'plain', kind: 'http', options: { scheme: 'http' } })] })
  t.same(Object.fromEntries(paths.map(({ check, port }) => [check, port])), { ...ports, plain: 80 })
  t.match(paths[4]!.options, { path: '/health', sni: 'x.test' })
})

t.test('every mistake is told, with its place', async t => {
  const wrong = problemsOf(
    [
      target(),
      target(),
      target({ name: 'b', address: 'tcp://x:1' }),
      target({ name: 'd', address: 'no port' }),
      target({ name: 'e', address: 'x.test' }),
    ],
    [
      check({ every: '1ms', timeout: '2s' }),
      check({ targets: ['aa'], options: { cuont: 3, payload: 'much', control: 'yes' } }),
      check({ name: 'm', kind: 'tcp', targets: ['e'] }),
    ],
  )
  const expected = [
    /^targets\[1\]\.name: "a" is targets\[0\] already/,
    /^targets\[2\]\.address: .*has a scheme/,
    /^targets\[3\]\.address: .*space/,
    /^checks\[1\]\.name: "c" is checks\[0\] already/,
    /^checks\[0\]\.every: got 1ms, want 100ms to 24h/,
    /^checks\[0\]\.timeout: got 2s, want 10ms to 1ms/,
    /^checks\[1\]\.targets\[0\]: no target "aa", did you mean a\?/,
    /^checks\[1\]\.options\.cuont: unknown key, known here are timeoutMs/,
    /^checks\[1\]\.options\.payload: "much" is not a size/,
    /^checks\[1\]\.options\.control: got "yes", want true or false/,
    /^checks\[2\]: tcp needs a port, and target e has none/,
  ]
  for (const form of expected)
    t.ok(
      wrong.some(line => form.test(line)),
      `${form}`,
    )
  t.ok(expand({ targets: [target()], checks: [check(), check()] }).paths.length === 0, 'and half an assignment is none')
})

t.test("a check that needs a workload's identity is run by its runner and by nobody else", async t => {
  const predictor = { namespace: 'ml', serviceAccount: 'predictor' }
  const checks = [check(), check({ name: 'theirs', as: predictor }), check({ name: 'mine', as: 'agent' })]
  const keysFor = (me?: { namespace: string; serviceAccount: string }) => {
    const { paths, elsewhere } = expand({ targets: [target()], checks }, {}, me)
    return { run: paths.map(path => path.check), elsewhere }
  }
  t.same(keysFor(), { run: ['c', 'mine'], elsewhere: ['theirs'] })
  t.same(keysFor(predictor), { run: ['theirs'], elsewhere: ['c', 'mine'] })
  t.same(keysFor({ ...predictor, namespace: 'other' }).run, [])
})
