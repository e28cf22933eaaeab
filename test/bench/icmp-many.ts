/** What ten thousand paths cost: `runProbe('icmp')` with one echo each, all of them sharing a socket, as an agent runs them. */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { figure } from './paired.ts'
import { note, report } from './report.ts'

const program = fileURLToPath(new URL('programs/icmp-probes.ts', import.meta.url))
const bar = 0.6
const options = {
  perSecond: { type: 'string', default: '10000' },
  seconds: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '5' },
} as const

await report(async () => {
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [perSecond, seconds, rounds] = [Number(values.perSecond), Number(values.seconds), Number(values.rounds)]
  const runs = Array.from({ length: rounds }, (_, round) => {
    const run = JSON.parse(cpuOfRun([process.execPath, program, JSON.stringify({ perSecond, seconds })]).stdout) as {
      warmUs: number
      cores: number
    }
    note(`round ${round + 1} of ${rounds}: ${run.warmUs.toFixed(1)} µs of CPU per probe, ${run.cores.toFixed(3)} of a core`)
    return run
  })
  const cores = figure(runs.map(run => run.cores))
  const what = `${perSecond} probes of one echo per second to 127.0.0.1, in one process, second half of ${seconds} s`
  return {
    bench: 'icmp-many',
    machine: machine(),
    what,
    cpuUsPerProbe: figure(runs.map(run => run.warmUs)),
    cores,
    bar,
    pass: cores.median <= bar,
  }
})
