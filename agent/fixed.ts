import type { AgentConfig } from './config/config.ts'

/** Parts that are read at the start only, by what they are called in the file. */
const fixed = {
  self: 'agent',
  identity: 'identity',
  controller: 'controller',
  responder: 'responder',
  listen: 'listen',
  data: 'data',
  spoolLimitBytes: 'spool',
} as const

/** What of another configuration only a restart changes, in words. */
export const fixedFor = (before: AgentConfig, after: AgentConfig): string[] =>
  (Object.keys(fixed) as (keyof typeof fixed)[])
    .filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map(name => `${fixed[name]}: changed in the file, and takes effect at the next start`)
