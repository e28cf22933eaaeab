/** CPU per mutual TLS 1.3 handshake: `runProbe('mtls')` and `openssl s_time -new` with the same client certificate on the same server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startChild } from './child.ts'
import { floorOf, programPath, runHandshakes } from './handshake-run.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { proofOfVerifying, sTime } from './s-time.ts'
import { needTools } from './tools.ts'

const bar = 1.4
const options = {
  probes: { type: 'string', default: '3000' },
  seconds: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '7' },
} as const

type Server = { port: number; ca: string; wrongCa: string; cert: string; key: string }

const counted =
  "s_time: the whole process from exec to exit, by getrusage, divided by its connections; ours: the same ('whole'), and its second half ('warm'). The " +
  'server, in a process of its own and not counted, demands a certificate. Both show the same one (ECDSA P-256, the leaf alone) and verify leaf and ' +
  'intermediate up to the authority in every handshake; ours also judges every SPIFFE rule and the ID, and waits until the server has accepted our certificate. ' +
  'Identities are held as an agent holds them: the files are looked at each time, and read when they have changed.'

const measure = async (server: Server, asked: { probes: number; seconds: number; rounds: number }) => {
  const { port, ca, wrongCa, cert, key } = server
  const warm: number[] = []
  const proof = proofOfVerifying(server, wrongCa)
  if (!proof.verifies) throw new Error(`${proof.what}: ${proof.seen}`)
  const whole = await measurePaired(asked.rounds, {
    probe: () => {
      const run = runHandshakes('mtls-probes.ts', { port, cert, key, bundle: ca, probes: asked.probes })
      warm.push(run.warm)
      return run.whole
    },
    s_time: () => sTime(server, asked.seconds),
    node: () => runHandshakes('tls-floor.ts', { port, ca, cert, key, probes: asked.probes }).whole,
  })
  const what = `${asked.probes} mutual handshakes`
  const openssl = { unit: 'µs CPU per handshake', peer: 'openssl s_time -new -cert -key', bar }
  const comparisons = [
    compare({ ...openssl, what: `${what}, whole process` }, whole.probe, whole.s_time),
    compare({ ...openssl, what: `${what}, warm` }, warm, whole.s_time),
  ]
  return { proof, comparisons, floor: floorOf(whole.probe, whole.node), pass: comparisons.every(({ pass }) => pass) }
}

await report(async () => {
  const tools = needTools('openssl', 'setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const asked = { probes: Number(values.probes), seconds: Number(values.seconds), rounds: Number(values.rounds) }
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const at = (file: string): string => join(directory, file)
  const child = await startChild([process.execPath, programPath('mtls-server.ts'), directory], '}\n')
  const port = JSON.parse(child.lines).port as number
  const server = { port, ca: at('ca.pem'), wrongCa: at('wrong-ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
  try {
    return { bench: 'mtls-cpu', machine: machine(tools), counted, ...(await measure(server, asked)) }
  } finally {
    await child.stop()
    rmSync(directory, { recursive: true })
  }
})
