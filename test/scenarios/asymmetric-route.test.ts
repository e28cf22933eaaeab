/** Forward over the interconnect, return over the internet: real agents at both ends, asked by a pipeline. */
import t from 'tap'
import type { CheckRun } from '../../cli/check-text.ts'
import { startNetwork } from '../../deploy/sim/network.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(180_000)

t.test('both agents trace the same pair, and the answer has both lists', { skip }, async t => {
  await using network = await startNetwork({
    sites: { aws: {}, azure: {} },
    routes: [
      { from: 'aws', to: 'azure', name: 'interconnect', hops: 3, delayMs: 5 },
      { from: 'azure', to: 'aws', name: 'internet', hops: 8, delayMs: 25 },
    ],
  })
  const controller = await startControllerIn(network, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const words = ['check', '--from', 'aws/us-east-1', '--to', 'azure/eastus', '--both-ways', '--kinds', 'trace']
  const run = await waitFor('agents', async () => [await controller.ask(...words, '--output', 'json')].find(({ status }) => status !== 3))
  t.equal(run.status, 0, run.stdout + run.stderr)
  const { agents } = JSON.parse(run.stdout) as CheckRun
  t.equal(agents.length, 2)
  for (const { direction, diagnosis } of agents) {
    const found = diagnosis.find(({ cause }) => cause === 'asymmetric_route')
    t.match(found, { confidence: 'certain', direction: 'reverse' }, direction)
    t.match(found?.evidence[0], direction === 'forward' ? /^there, 5 hops: .*172\.16\.0\.3/ : /^there, 10 hops: .*172\.16\.1\.8/)
    t.match(found?.evidence[1], direction === 'forward' ? /^back, 10 hops: .*172\.16\.1\.8/ : /^back, 5 hops: .*172\.16\.0\.3/)
  }
  const { stdout } = await controller.ask(...words)
  t.match(stdout, /The way back .* is another than the way there/s, 'people are told too')
})
