/** The real `probe agent` on this machine, measuring a target on loopback: for what is about the agent and not about the network. */
import { join } from 'node:path'
import type { Ledger } from '../../agent/spool/options.ts'
import { Spool } from '../../agent/spool/spool.ts'
import { type AgentProcess, agentCommand, followAgent } from './agent-process.ts'
import { startProgram } from './run-program.ts'

/** The name of the endpoint in every configuration of these tests. */
export const endpointName = 'sink'

/** What may be on loopback, as the policy must say by name. */
export const policyText = 'allow: [127.0.0.0/8]\n'

export type HereOptions = { env?: NodeJS.ProcessEnv; before?: string[]; file?: string }

/** Resolves when it measures. `config` lies over a configuration that touches nothing outside `folder`. */
export const startAgentHere = async (folder: string, config: object, options: HereOptions = {}): Promise<AgentProcess> => {
  const agent = launchAgentHere(folder, config, options)
  await agent.hear(/^measuring$/)
  return agent
}

/** The same for one that may refuse to start. */
export const launchAgentHere = (
  folder: string,
  config: object | string,
  { env, before, file = 'agent.yaml' }: HereOptions = {},
): AgentProcess => {
  const whole = typeof config === 'string' ? config : configHere(folder, config)
  return followAgent(startProgram(agentCommand(join(folder, file), whole), env, before))
}

export const configHere = (folder: string, config: object): object => ({
  agent: { id: 'here-1', interception: 'off' },
  listen: '127.0.0.1:0',
  data: join(folder, 'data'),
  ...config,
})

/** The ledger of an endpoint, as a stopped agent has left it on disk. */
export const readLedger = async (folder: string, endpoint = endpointName): Promise<Ledger> => {
  const spool = new Spool({ directory: join(folder, 'data', 'spool'), endpoints: [endpoint], nowMs: Date.now })
  await spool.open()
  const ledger = spool.ledger(endpoint)
  await spool.close()
  return ledger
}

export const droppedOf = ({ dropped }: Ledger): number => Object.values(dropped).reduce((sum, n) => sum + n, 0)
