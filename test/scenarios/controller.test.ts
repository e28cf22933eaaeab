/** A controller and two agents in two clouds: enrolled, told what to probe, and what they measure seen by people. */
import t from 'tap'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(180_000)

type Times = { p50: number; p95: number; p99: number }
type Link = { from: string; to: string; paths: number; measured: { verdict: string; rttMs: Times | null } | null }

t.test('two agents enrol by join tokens, get paths to each other, and their links are seen within 30 s', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [] })
  const controller = await startControllerIn(pair, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  t.match(controller.welcome, /probe join-token.*probe agent --controller https:/s, 'it says how to go on')
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const startMs = performance.now()
  const seen = await waitFor(
    'both links',
    async () => {
      const { status, stdout, stderr } = await controller.ask('get', 'links', '--output', 'json')
      if (status !== 0) throw new Error(stderr)
      const { items } = JSON.parse(stdout) as { items: Link[] }
      const measured = items.filter(({ measured }) => measured?.rttMs)
      return measured.length === 2 ? measured : undefined
    },
    60_000,
  )
  const tookS = (performance.now() - startMs) / 1000
  t.ok(tookS < 30, `${tookS.toFixed(1)} s after the second agent`)
  t.strictSame(
    seen.map(({ from, to }) => `${from} ${to}`),
    ['aws/us-east-1 azure/eastus', 'azure/eastus aws/us-east-1'],
  )
  for (const { measured } of seen) {
    const { p50, p95, p99 } = measured!.rttMs!
    t.ok(p50 >= 10 && p50 <= p95 && p95 <= p99, `5 ms each way: p50 ${p50}, p95 ${p95}, p99 ${p99} ms`)
    t.equal(measured!.verdict, 'ok')
  }
  const table = (await controller.ask('get', 'links')).stdout
  t.match(table, /^FROM +TO +PATHS +VERDICT +AVAILABLE +P50 +P95 +P99/)
})

t.test('a rule that is gone in one direction fails the pipeline, which says which way', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [] })
  const controller = await startControllerIn(pair, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const words = ['check', '--from', 'aws/us-east-1', '--to', 'azure/eastus', '--both-ways', '--kinds', 'tcp']
  /** Agents may not be there yet, and one on a busy machine blames itself. */
  const check = (...more: string[]) =>
    waitFor('a run that was measured', async () => [await controller.ask(...words, ...more)].find(({ status }) => status !== 3))
  const good = await check()
  t.equal(good.status, 0, good.stdout + good.stderr)
  // New connections to azure's responder are dropped there; what azure begins itself goes on.
  const rules =
    'add table inet f; add chain inet f in { type filter hook input priority 0; }; add rule inet f in tcp dport 7460 tcp flags & (syn|ack) == syn drop'
  t.match(await pair.run('azure', ['nft', rules], { env: cleanEnv }), { status: 0 })
  const bad = await check()
  t.equal(bad.status, 1)
  t.match(bad.stdout, /aws\/us-east-1 → azure\/eastus: FAILS/)
  t.match(bad.stdout, /azure\/eastus → aws\/us-east-1: ok/)
  t.match(bad.stdout, /tcp_timeout|port_filtered|no answer/i)
  const machine = JSON.parse((await check('--output', 'json')).stdout) as { verdict: string }
  t.equal(machine.verdict, 'fail')
})
