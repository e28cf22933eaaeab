/** CPU per TLS 1.3 handshake with the chain verified: `runProbe('tls')`, `openssl s_time -new` and blackbox_exporter on the same server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Blackbox, startBlackbox } from './blackbox.ts'
import { startChild } from './child.ts'
import { floorOf, programPath, runHandshakes } from './handshake-run.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { proofOfVerifying, sTime } from './s-time.ts'
import { needTools } from './tools.ts'

const bars = { sTime: 1.3, blackbox: 1.2 }
const options = {
  probes: { type: 'string', default: '3000' },
  seconds: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '7' },
} as const

type Server = { port: number; ca: string; wrongCa: string }

const counted =
  "s_time: the whole process from exec to exit, by getrusage, divided by its connections; ours: the same ('whole'), and its second half ('warm'); " +
  'blackbox_exporter: the running process per probe, after 50 probes, its HTTP scrape included. The server, in a process of its own and not counted, has ' +
  'X25519 only. All verify leaf and intermediate (ECDSA P-256) up to the root in every handshake; ours and blackbox_exporter also the name.'

const measure = async (server: Server, blackbox: Blackbox, asked: { probes: number; seconds: number; rounds: number }) => {
  const warm: number[] = []
  const { port, ca, wrongCa } = server
  const proof = proofOfVerifying(server, wrongCa)
  if (!proof.verifies) throw new Error(`${proof.what}: ${proof.seen}`)
  const whole = await measurePaired(asked.rounds, {
    probe: () => {
      const run = runHandshakes('tls-probes.ts', { port, ca, probes: asked.probes })
      warm.push(run.warm)
      return run.whole
    },
    s_time: () => sTime(server, asked.seconds),
    node: () => runHandshakes('tls-floor.ts', { port, ca, probes: asked.probes, servername: 'svc.test' }).whole,
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
  return { proof, comparisons, floor: floorOf(whole.probe, whole.node), pass: comparisons.every(({ pass }) => pass) }
}

await report(async () => {
  const tools = needTools('openssl', 'prometheus-blackbox-exporter', 'setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const asked = { probes: Number(values.probes), seconds: Number(values.seconds), rounds: Number(values.rounds) }
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const child = await startChild([process.execPath, programPath('tls-server.ts'), directory], '}\n')
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
