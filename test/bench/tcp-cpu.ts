/** CPU per TCP connect probe: `runProbe('tcp')` in a process of its own against blackbox_exporter's tcp module, on the same server. */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startBlackbox } from './blackbox.ts'
import { startChild } from './child.ts'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { needTools } from './tools.ts'

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))
const bar = 0.15
const options = {
  probes: { type: 'string', default: '20000' },
  peerProbes: { type: 'string', default: '2000' },
  rounds: { type: 'string', default: '7' },
} as const

/** CPU per probe in µs: of the whole process, its start included, and of its second half. */
const ours = (port: number, probes: number, atOnce: number): { whole: number; warm: number } => {
  const run = cpuOfRun([process.execPath, program('tcp-probes.ts'), JSON.stringify({ port, probes, atOnce })])
  return { whole: run.cpuUs / probes, warm: (JSON.parse(run.stdout) as { warmUs: number }).warmUs }
}

const counted =
  "blackbox_exporter: the running process per probe, after 50 probes, its HTTP scrape included; ours: a process per round, 'whole' from exec to exit " +
  "with Node's start and all compiling, 'warm' its second half. Both probers run 20 at a time; the server is in a third process and not counted."

await report(async () => {
  const tools = needTools('prometheus-blackbox-exporter', 'setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [probes, peerProbes, rounds] = [Number(values.probes), Number(values.peerProbes), Number(values.rounds)]
  const server = await startChild([process.execPath, program('tcp-server.ts')], '}\n')
  const tcp = { preferred_ip_protocol: 'ip4', ip_protocol_fallback: false }
  const blackbox = await startBlackbox({ tcp_connect: { prober: 'tcp', timeout: '5s', tcp } })
  try {
    const { port } = JSON.parse(server.lines) as { port: number }
    const warm: number[] = []
    const { probe: whole, blackbox: peer } = await measurePaired(rounds, {
      probe: () => {
        const run = ours(port, probes, 20)
        warm.push(run.warm)
        return run.whole
      },
      blackbox: () => blackbox.cpuPerProbe('tcp_connect', `127.0.0.1:${port}`, peerProbes, 20),
    })
    const against = { unit: 'µs CPU per connect', peer: 'blackbox_exporter, tcp module', bar }
    const comparisons = [
      compare({ ...against, what: `${probes} connects, whole process` }, whole, peer),
      compare({ ...against, what: `${probes} connects, warm` }, warm, peer),
    ]
    return { bench: 'tcp-cpu', machine: machine(tools), counted, comparisons, pass: comparisons.every(({ pass }) => pass) }
  } finally {
    await Promise.all([blackbox.stop(), server.stop()])
  }
})
