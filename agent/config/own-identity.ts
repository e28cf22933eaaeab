import type { Common } from '../expand.ts'
import type { AgentConfig } from './config.ts'

/** Our own identity as options of the kinds that show or check one. */
export const ownIdentity = ({ workloadApi, cert, key, ca, bundles }: AgentConfig['identity']): Common => ({
  mtls: { workloadApi, certFile: cert, keyFile: key, caFile: ca, bundles },
  bundle: { workloadApi, bundles },
})
