/** The real `probe agent` inside a site of a simulated network, with an OTLP endpoint beside it. */
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Network } from '../../deploy/sim/network.ts'
import type { SiteSpawnOptions } from '../../deploy/sim/site-process.ts'
import { type AgentProcess, agentCommand, followAgent } from './agent-process.ts'
import { cleanEnv } from './clean-env.ts'
import type { Batch } from './otlp-sink.ts'

type SiteName = 'aws' | 'azure'
export type SiteAgent = AgentProcess & { batches: Batch[]; folder: string; get(path: string): Promise<{ status: number; text: string }> }
export type SiteAgentOptions = { site?: SiteName; spawn?: SiteSpawnOptions; before?: string[]; folder?: string }

const sinkProgram = fileURLToPath(new URL('./otlp-sink.ts', import.meta.url))
const getProgram = `const r = await fetch(process.argv[1]); console.log(JSON.stringify({ status: r.status, text: await r.text() }))`

/** A folder that everyone may enter and write to. */
export const openFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  chmodSync(folder, 0o777)
  return folder
}

/**
 * Starts an agent in a site, aws unless told, that sends to an endpoint there. `before` are words in front of the command. Resolves when it
 * measures. The network ends it, and the caller removes the folder.
 */
export const startAgentIn = async (
  network: Network<SiteName>,
  config: object,
  { site = 'aws', spawn, before = [], folder = openFolder() }: SiteAgentOptions = {},
): Promise<SiteAgent> => {
  const batches: Batch[] = []
  const sink = network.spawn(site, [process.execPath, sinkProgram, '127.0.0.1'], { env: cleanEnv, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: sink.stdout! })
  const [ready] = (await once(lines, 'line')) as [string]
  lines.on('line', line => batches.push(JSON.parse(line) as Batch))
  const { url } = JSON.parse(ready) as { url: string }
  const whole = {
    agent: { id: 'aws-1', cloud: 'aws', region: 'us-east-1', interception: 'off' },
    listen: '127.0.0.1:9464',
    data: join(folder, 'data'),
    export: [{ url }],
    ...config,
  }
  const argv = [...before, ...agentCommand(join(folder, 'agent.yaml'), whole)]
  const agent = followAgent(network.spawn(site, argv, { env: cleanEnv, ...spawn, stdio: ['ignore', 'pipe', 'pipe'] }))
  await agent.hear(/^measuring$/)
  return {
    ...agent,
    batches,
    folder,
    async get(path) {
      const { stdout } = await network.run(site, [process.execPath, '-e', getProgram, `http://127.0.0.1:9464${path}`], { env: cleanEnv })
      return JSON.parse(stdout) as { status: number; text: string }
    },
  }
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true })
