/** An agent in the process of a test: its configuration as it would be read from a file, and a world in which it says nothing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { World } from '../../agent/agent.ts'
import type { AgentConfig } from '../../agent/config/config.ts'
import { readConfig } from '../../agent/config/read.ts'

/** `config` lies over one that touches nothing outside `folder`. Throws for one that can't be read. */
export const agentConfig = (folder: string, config: object, policy: object = { allow: ['127.0.0.0/8'] }): AgentConfig => {
  const whole = { agent: { id: 'here', interception: 'off' }, listen: 'off', data: join(folder, 'data'), policy: 'policy.yaml', ...config }
  const texts = new Map(
    Object.entries({ 'agent.yaml': whole, 'policy.yaml': policy }).map(([name, value]) => [join(folder, name), JSON.stringify(value)]),
  )
  const read = readConfig({
    file: join(folder, 'agent.yaml'),
    flags: {},
    exports: [],
    environment: {},
    readFile: path => texts.get(path) ?? readFileSync(path, 'utf8'),
    defaultData: () => folder,
  })
  if (!read.ok) throw new Error(read.problems.join('\n'))
  return read.value
}

export const quietWorld = (more: Partial<World> = {}): World => ({
  clock: { elapsedMs: () => performance.now(), nowMs: Date.now },
  random: Math.random,
  log: { info: () => {}, warn: () => {}, error: () => {} },
  version: 'test',
  environment: {},
  ...more,
})
