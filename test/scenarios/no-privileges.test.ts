/** As uid 65534 with every capability dropped, as in a pod of the restricted Pod Security Standard. */
import t from 'tap'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
const dropPrivileges = true
const hole = { forward: { mtu: 1420 }, reverse: { mtu: 1380 } }
const sysctl = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'

for (const family of [4, 6] as const) {
  t.test(`IPv${family}: where the group range is open nothing is missing`, { skip }, async t => {
    await using pair = await startCloudPair({ ...hole, family })
    const run = await probeFrom(pair, [pair.target], { dropPrivileges })
    t.equal(run.status, 1)
    t.strictSame(run.causes, ['path_mtu_black_hole'])
    t.match(run.result('icmp'), { outcome: { kind: 'ok' }, measured: { socket: 'datagram', sent: 5, received: 5 } })
    t.match(run.result('mtu').measured, {
      echoMtu: 1380,
      localMtu: 1500,
      forward: { pathMtu: 1420, atLeast: false },
      reverse: { pathMtu: 1380, atLeast: false },
    })
    t.match(run.diagnosis('path_mtu_black_hole'), { direction: 'both', confidence: 'certain' })
  })

  t.test(`IPv${family}: where the group range is closed TCP still finds the black hole, and the sysctl is named`, { skip }, async t => {
    await using pair = await startCloudPair({ ...hole, family, sites: { aws: { pingGroupRange: 'closed' } } })
    const run = await probeFrom(pair, [pair.target], { dropPrivileges })
    t.equal(run.status, 1)
    t.strictSame(run.causes, ['path_mtu_black_hole', 'prober_at_fault'])
    t.match(run.result('icmp').outcome, { kind: 'unmeasured', reason: 'local_permission', detail: sysctl })
    t.match(run.result('tcp').outcome, { kind: 'ok' })
    t.match(run.result('tls').outcome, { reason: 'tls_stalled' })
    t.match(run.result('mtu').measured, {
      echoMtu: null,
      forward: { pathMtu: 1420, atLeast: false, method: 'mss_sweep' },
      reverse: { pathMtu: 1380, atLeast: false, method: 'mss_sweep' },
      recommendedMss: family === 4 ? 1340 : 1320,
    })
    t.match(run.diagnosis('path_mtu_black_hole'), { direction: 'both', confidence: 'certain' })
    t.match(run.diagnosis('prober_at_fault').fixes, [{ command: sysctl }])
  })
}

t.test('a healthy target where the group range is closed is degraded, and exit 0', { skip }, async t => {
  await using pair = await startCloudPair({ sites: { aws: { pingGroupRange: 'closed' } } })
  const run = await probeFrom(pair, [pair.target], { dropPrivileges })
  t.equal(run.status, 0)
  t.equal(run.document.verdict, 'degraded')
  t.strictSame(run.causes, ['prober_at_fault'])
  t.match(run.result('mtu').measured, { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } })
})

t.test('echoes that were asked for by name and may not be sent are exit 3', { skip }, async t => {
  await using pair = await startCloudPair({ sites: { aws: { pingGroupRange: 'closed' } } })
  const run = await probeFrom(pair, [`icmp://${pair.address}`], { dropPrivileges })
  t.equal(run.status, 3)
  t.equal(run.document.verdict, 'unmeasured')
  t.match(run.result('icmp').outcome, { kind: 'unmeasured', reason: 'local_permission', detail: sysctl })
})
