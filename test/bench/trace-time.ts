/**
 * How long a trace takes: twelve hops of which two are silent, 30 ms away, by each protocol; against two round trips of the last hop and a second for what is silent.
 *   node test/bench/trace-time.ts [rounds=5]
 */
import { loadavg } from 'node:os'
import { startNetwork } from '../../deploy/sim/network.ts'
import { probeIn } from '../lab/probe-in.ts'
import { machine } from './machine.ts'
import { figure } from './paired.ts'
import { report } from './report.ts'

const [rounds = 5] = process.argv.slice(2).map(Number)
const oneWayMs = 30
const silentAt = [4, 7]
const protocols = ['icmp', 'udp', 'tcp'] as const

await report(async () => {
  const hops = Array.from({ length: 10 }, (_, at) => ({ silent: silentAt.includes(at) }))
  const routes = [
    { from: 'aws', to: 'azure', name: 'way', delayMs: oneWayMs, hops },
    { from: 'azure', to: 'aws', name: 'way', delayMs: oneWayMs, hops: 10 },
  ]
  await using network = await startNetwork({ sites: { aws: {}, azure: {} }, routes })
  const seen = protocols.map(protocol => ({ protocol, totalMs: [] as number[], overMs: [] as number[], wrong: 0 }))
  for (let round = 0; round < rounds; round++)
    for (const one of seen) {
      const { result } = await probeIn(network, 'aws', [`trace://${network.sites.azure.address}`, '--protocol', one.protocol])
      const { measured, phasesMs } = result('trace')
      const totalMs = phasesMs['total']!
      const allowedMs = 2 * (measured.hops.at(-1)?.rttMs ?? 2 * oneWayMs) + 1000
      one.totalMs.push(totalMs)
      one.overMs.push(totalMs - allowedMs)
      const silent = measured.hops.filter(({ address }) => address === null).length
      if (measured.forwardHops !== 12 || silent !== silentAt.length) one.wrong += 1
    }
  return {
    bench: 'trace-time',
    machine: machine(),
    protocols: seen.map(({ protocol, totalMs, overMs, wrong }) => ({ protocol, wrong, totalMs: figure(totalMs), overMs: figure(overMs) })),
    bar: 'two round trips of the last hop and 1000 ms: overMs at most 0',
    load: loadavg()[0],
    pass: seen.every(({ overMs, wrong }) => figure(overMs).median <= 0 && wrong === 0),
  }
})
