import fc from 'fast-check'
import t from 'tap'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
/** `SEED=1 tap test/scenarios/random-mtu.test.ts` plays the same networks again. */
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

/** What IPv4 hosts must accept (RFC 791) to what Ethernet carries. */
const mtu = fc.integer({ min: 576, max: 1500 })
const networks = fc.sample(fc.record({ forward: mtu, reverse: mtu, signal: fc.boolean() }), { seed, numRuns: 20 })
const networksAtOnce = 2

t.jobs = networksAtOnce
for (const { forward, reverse, signal } of networks) {
  const name = `seed ${seed}: ${forward} bytes forward, ${reverse} reverse, ${signal ? 'with' : 'without'} packet-too-big`
  t.test(name, { skip, buffered: true }, async t => {
    await using pair = await startCloudPair({ forward: { mtu: forward, signal }, reverse: { mtu: reverse, signal } })
    const run = await probeFrom(pair)
    const measured = run.result('mtu').measured
    t.match(measured, { forward: { pathMtu: forward }, reverse: { pathMtu: reverse } }, JSON.stringify(measured))
    const holes = [...(forward < 1500 ? ['forward'] : []), ...(reverse < 1500 ? ['reverse'] : [])]
    const direction = signal || holes.length === 0 ? undefined : holes.length === 2 ? 'both' : holes[0]
    t.strictSame(run.causes, direction ? ['path_mtu_black_hole'] : [])
    t.equal(run.diagnosis('path_mtu_black_hole').direction, direction)
    t.equal(run.status, direction ? 1 : 0)
  })
}
