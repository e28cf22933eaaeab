/** How long a whole mTLS verdict takes over simulated links of different RTTs: against three round trips and 50 ms. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { canSimulate } from '../../deploy/sim/can-simulate.ts'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import { makeSvidFolder, type SvidFolder } from '../lab/svid-files.ts'
import type { SvidServer } from '../lab/svid-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { benchEnv } from './environment.ts'
import { programPath } from './handshake-run.ts'
import { machine } from './machine.ts'
import { figure } from './paired.ts'
import { CannotRun, note, report } from './report.ts'

const servers = fileURLToPath(new URL('../lab/svid-servers.ts', import.meta.url))
const port = 15_443
const verdictsPerProcess = 4
const options = { rounds: { type: 'string', default: '5' }, rtts: { type: 'string', default: '35,100' } } as const

/** TCP's, TLS's and the one until the server has accepted our certificate, and 50 ms for both sides' work. */
const barMs = (rttMs: number): number => 3 * rttMs + 50

const counted =
  "runProbe('mtls'), from before it reads its files to its result: identity, connection, handshake, every SPIFFE rule, and the server's acceptance of our " +
  `certificate. ${verdictsPerProcess} in each process; 'first' is the first of each, with files to parse and code to compile, 'later' are the others. ` +
  "Node's start and the loading of the probe, which an agent does ahead, are not counted. The median counts."

type Pair = Network<'aws' | 'azure'>

/** The server of azure and the identity of aws; resolves with the probe's options when the server listens. */
const startServer = async (pair: Pair, files: SvidFolder) => {
  const [aws, azure] = await Promise.all([makeTrustDomain('aws.test'), makeTrustDomain('azure.test')])
  const [checkout, payments] = await Promise.all([aws.issue({ path: '/checkout', below: 1 }), azure.issue({ path: '/payments', below: 1 })])
  const { chainPem, keyPem } = payments
  const host = pair.sites.azure.address
  const spec: SvidServer = { variant: 'accepts and says nothing', host, port, svid: { chainPem, keyPem }, accepts: aws.bundlePem() }
  const argv = [process.execPath, servers, files.write('server.json', JSON.stringify([spec]))]
  const child = pair.spawn('azure', argv, { stdio: ['pipe', 'pipe', 'inherit'], env: benchEnv })
  await once(child.stdout!, 'data')
  const asked = { ...files.svid('own', checkout), bundles: files.bundle(azure), expectId: payments.id }
  return { asked, stop: () => child.kill() }
}

const verdicts = async (pair: Pair, asked: object): Promise<number[]> => {
  const argument = JSON.stringify({ probes: verdictsPerProcess, address: pair.sites.azure.address, port, options: asked })
  const argv = [process.execPath, programPath('mtls-verdicts.ts'), argument]
  const { stdout, stderr } = await pair.run('aws', argv, { env: benchEnv, timeoutMs: 60_000 })
  if (!stdout) throw new Error(`mtls-verdicts: ${stderr}`)
  return JSON.parse(stdout) as number[]
}

const measureAt = async (rttMs: number, rounds: number) => {
  const sites = { aws: {}, azure: {} }
  const delayMs = rttMs / 2
  await using pair = await startNetwork({
    sites,
    links: [
      { from: 'aws', to: 'azure', delayMs },
      { from: 'azure', to: 'aws', delayMs },
    ],
  })
  const files = makeSvidFolder()
  const server = await startServer(pair, files)
  try {
    const runs: number[][] = []
    for (let round = 0; round < rounds; round++) {
      runs.push(await verdicts(pair, server.asked))
      note(`RTT ${rttMs} ms: ${runs.at(-1)!.map(Math.round).join(', ')} ms, want ${barMs(rttMs)}`)
    }
    const firstMs = figure(runs.map(([first]) => first!))
    const laterMs = figure(runs.flatMap(([, ...later]) => later))
    const bar = barMs(rttMs)
    return { rttMs, firstMs, laterMs, bar, pass: Math.max(firstMs.median, laterMs.median) <= bar }
  } finally {
    server.stop()
    files.remove()
  }
}

await report(async () => {
  const simulation = await canSimulate()
  if (!simulation.possible) throw new CannotRun(simulation.reason)
  const { values } = parseArgs({ options })
  const paths = []
  for (const rttMs of values.rtts.split(',').map(Number)) paths.push(await measureAt(rttMs, Number(values.rounds)))
  return { bench: 'mtls-verdict', machine: machine(), counted, paths, pass: paths.every(({ pass }) => pass) }
})
