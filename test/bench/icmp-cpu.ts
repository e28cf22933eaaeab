/** CPU per echo: `probe run icmp://…` against fping at the same rates, and against blackbox_exporter. Whole processes, from exec to exit. */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Blackbox, startBlackbox } from './blackbox.ts'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { note, report } from './report.ts'
import { needTools } from './tools.ts'

const probe = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))
const address = '127.0.0.1'
const blackboxProbes = 1000
/** fping ends some 10 ms after its last echo and misses what it has not read by then. */
const leastReceived = 0.98

const options = {
  echoes: { type: 'string', default: '60000' },
  rounds: { type: 'string', default: '5' },
  rates: { type: 'string', default: '5000,10000,0' },
} as const

const checked = (received: number, echoes: number, who: string): void => {
  if (!(received >= echoes * leastReceived)) throw new Error(`${who}: ${received} of ${echoes} replies seen`)
}

/** CPU per echo in µs. A rate of 0 is as fast as the program goes. */
const ours = (echoes: number, rate: number): number => {
  const pace = rate === 0 ? '0' : `${1000 / rate}ms`
  const argv = [process.execPath, probe, 'run', `icmp://${address}`, '--count', `${echoes}`, '--interval', pace, '--output', 'json']
  const { cpuUs, stdout } = cpuOfRun(argv)
  const { measured } = JSON.parse(stdout).results[0]
  checked(measured.received, echoes, 'probe')
  if (measured.socket !== 'datagram') throw new Error(`probe used a ${measured.socket} socket, want datagram`)
  return cpuUs / echoes
}

/** `-i 0.01`: the pause between two echoes to anyone, 10 ms unless told. Its least period is 10 µs too. */
const fping = (echoes: number, rate: number): number => {
  const period = `${rate === 0 ? 0.01 : 1000 / rate}`
  const { cpuUs, stderr } = cpuOfRun(['fping', '-q', '-c', `${echoes}`, '-i', '0.01', '-p', period, address])
  checked(Number(/xmt\/rcv\/%loss = \d+\/(\d+)/.exec(stderr)?.[1]), echoes, 'fping')
  return cpuUs / echoes
}

const compareAtRate = async (rate: number, echoes: number, rounds: number, blackbox: Blackbox) => {
  const pace = rate === 0 ? 'as fast as each goes' : `${rate} echoes/s`
  note(`${echoes} echoes, ${pace}; µs of CPU per echo`)
  const measured = await measurePaired(rounds, {
    probe: () => ours(echoes, rate),
    fping: () => fping(echoes, rate),
    blackbox: () => blackbox.cpuPerProbe('icmp', address, blackboxProbes, 1),
  })
  const what = `${echoes} echoes to ${address}, ${pace}`
  return [
    compare({ what, unit: 'µs CPU per echo', peer: 'fping', bar: 0.7 }, measured.probe, measured.fping),
    compare({ what, unit: 'µs CPU per echo', peer: 'blackbox_exporter, icmp module', bar: 0.02 }, measured.probe, measured.blackbox),
  ]
}

await report(async () => {
  const tools = needTools('fping', 'prometheus-blackbox-exporter')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [echoes, rounds] = [Number(values.echoes), Number(values.rounds)]
  const blackbox = await startBlackbox({
    icmp: { prober: 'icmp', timeout: '5s', icmp: { preferred_ip_protocol: 'ip4', ip_protocol_fallback: false } },
  })
  try {
    const comparisons = []
    for (const rate of values.rates.split(',').map(Number)) comparisons.push(...(await compareAtRate(rate, echoes, rounds, blackbox)))
    const counted =
      'probe and fping: the whole process from exec to exit, by getrusage; blackbox_exporter: the running process per probe, its HTTP scrape included'
    return { bench: 'icmp-cpu', machine: machine(tools), counted, comparisons, pass: comparisons.every(({ pass }) => pass) }
  } finally {
    await blackbox.stop()
  }
})
