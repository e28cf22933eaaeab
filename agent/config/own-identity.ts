import { readStandardVariables } from '../../wire/options-federation.ts'
import type { Common } from '../expand.ts'
import type { AgentConfig } from './config.ts'

/** Our own identity as options of the kinds that show or check one; `environment` has the variables by which clouds' libraries find theirs. */
export const ownIdentity = (
  { workloadApi, cert, key, ca, bundles }: AgentConfig['identity'],
  environment: Readonly<Record<string, string | undefined>>,
): Common => {
  const variables = readStandardVariables(environment)
  return {
    mtls: { workloadApi, certFile: cert, keyFile: key, caFile: ca, bundles },
    bundle: { workloadApi, bundles },
    federation: { environment: variables },
    http: { environment: variables },
  }
}
