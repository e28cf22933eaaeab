/** Where the identity of a configuration comes from, if it has one. */
import type { IdentityChoice } from '../../probes/identity/source.ts'
import type { AgentConfig } from './config.ts'

export const hasIdentity = ({ identity }: AgentConfig): boolean => Object.values(identity).some(value => value !== undefined)
/** The same choice as the checks make, so that one stream serves all. */
export const choiceOf = ({ identity: { cert, key, ca, bundles, workloadApi } }: AgentConfig): IdentityChoice => ({
  cert,
  key,
  ca,
  bundles,
  workloadApi,
})
