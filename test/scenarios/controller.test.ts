/** A controller and two agents in two clouds: enrolled, told what to probe, and what they measure seen by people. */
import t from 'tap'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(180_000)

type Link = { link: string; paths: number; rttMs?: { p50: number; p95: number; p99: number } | null }

t.test('two agents enrol by join tokens, get paths to each other, and their links are seen within 30 s', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [] })
  const controller = await startControllerIn(pair, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  t.match(controller.welcome, /join-token/, 'it says how to go on')
  const startMs = performance.now()
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const links = await waitFor(
    'both links',
    async () => {
      const { status, stdout, stderr } = await controller.ask('get', 'links', '--output', 'json')
      if (status !== 0) throw new Error(stderr)
      const { items } = JSON.parse(stdout) as { items: Link[] }
      return items.filter(({ rttMs }) => rttMs).length >= 2 ? items : undefined
    },
    60_000,
  )
  t.comment(`${((performance.now() - startMs) / 1000).toFixed(1)} s, ${JSON.stringify(links)}`)
})
