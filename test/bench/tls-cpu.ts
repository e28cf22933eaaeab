/** CPU per TLS 1.3 handshake with the chain verified: `runProbe('tls')`, `openssl s_time -new` and blackbox_exporter on the same server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Blackbox, startBlackbox } from './blackbox.ts'
import { startChild } from './child.ts'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { needTools } from './tools.ts'

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))
const bars = { sTime: 1.3, blackbox: 1.2 }
const options = {
  probes: { type: 'string', default: '3000' },
  seconds: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '7' },
} as const

type Server = { port: number; ca: string; wrongCa: string }

const ours = ({ port, ca }: Server, probes: number): { whole: number; warm: number } => {
  const run = cpuOfRun([process.execPath, program('tls-probes.ts'), JSON.stringify({ port, probes, ca })])
  return { whole: run.cpuUs / probes, warm: (JSON.parse(run.stdout) as { warmUs: number }).warmUs }
}

/** CPU per handshake in µs. */
const sTime = ({ port }: Server, ca: string, seconds: number): number => {
  const asked = ['-connect', `127.0.0.1:${port}`, '-new', '-tls1_3', '-CAfile', ca, '-verify', '5', '-time', `${seconds}`]
  const { cpuUs, stdout, stderr } = cpuOfRun(['openssl', 's_time', ...asked])
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(stdout)?.[1])
  if (!(connections > 0)) throw new Error(`openssl s_time: ${stdout}${stderr}`)
  return cpuUs / connections
}

/**
 * s_time goes on after a chain that it can't verify, and says nothing. That it verifies is seen by its CPU: with an authority of the same name
 * and another key it stops before the two signatures of the chain, and costs less.
 */
const proofOfVerifying = (verifiedUs: number[], unverifiedUs: number[]) => {
  const ratio = compare({ what: '', unit: '', peer: '', bar: 0 }, verifiedUs, unverifiedUs).ratio.median
  return { what: "s_time's CPU per handshake, the right authority against a wrong one", ratio, verifies: ratio > 1.05 }
}

const counted =
  "s_time: the whole process from exec to exit, by getrusage, divided by its connections; ours: the same ('whole'), and its second half ('warm'); " +
  'blackbox_exporter: the running process per probe, after 50 probes, its HTTP scrape included. The server, in a process of its own and not counted, has ' +
  'X25519 only. All verify leaf and intermediate (ECDSA P-256) up to the root; ours and blackbox_exporter also the name.'

const measure = async (server: Server, blackbox: Blackbox, asked: { probes: number; seconds: number; rounds: number }) => {
  const warm: number[] = []
  const whole = await measurePaired(asked.rounds, {
    probe: () => {
      const run = ours(server, asked.probes)
      warm.push(run.warm)
      return run.whole
    },
    s_time: () => sTime(server, server.ca, asked.seconds),
    unverified: () => sTime(server, server.wrongCa, Math.ceil(asked.seconds / 2)),
    blackbox: () => blackbox.cpuPerProbe('tls', `127.0.0.1:${server.port}`, asked.probes, 1),
  })
  const what = `${asked.probes} handshakes`
  const unit = 'µs CPU per handshake'
  const openssl = { unit, peer: 'openssl s_time -new', bar: bars.sTime }
  const exporter = { unit, peer: 'blackbox_exporter, tcp module with tls', bar: bars.blackbox }
  const comparisons = [
    compare({ ...openssl, what: `${what}, whole process` }, whole.probe, whole.s_time),
    compare({ ...openssl, what: `${what}, warm` }, warm, whole.s_time),
    compare({ ...exporter, what: `${what}, whole process` }, whole.probe, whole.blackbox),
    compare({ ...exporter, what: `${what}, warm` }, warm, whole.blackbox),
  ]
  const proof = proofOfVerifying(whole.s_time, whole.unverified)
  return { proof, comparisons, pass: proof.verifies && comparisons.every(({ pass }) => pass) }
}

await report(async () => {
  const tools = needTools('openssl', 'prometheus-blackbox-exporter', 'setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const asked = { probes: Number(values.probes), seconds: Number(values.seconds), rounds: Number(values.rounds) }
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const child = await startChild([process.execPath, program('tls-server.ts'), directory], '}\n')
  const server = { ca: join(directory, 'ca.pem'), wrongCa: join(directory, 'wrong-ca.pem'), port: JSON.parse(child.lines).port as number }
  const tcp = { preferred_ip_protocol: 'ip4', tls: true, tls_config: { ca_file: server.ca, server_name: 'svc.test' } }
  const blackbox = await startBlackbox({ tls: { prober: 'tcp', timeout: '5s', tcp } })
  try {
    return { bench: 'tls-cpu', machine: machine(tools), counted, ...(await measure(server, blackbox, asked)) }
  } finally {
    await Promise.all([blackbox.stop(), child.stop()])
    rmSync(directory, { recursive: true })
  }
})
