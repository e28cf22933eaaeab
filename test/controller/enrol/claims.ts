/** A cluster of the fleet, and what a projected token of it says. */
import type { FleetCluster } from '../../../wire/fleet.ts'
import type { TestIssuer } from './issuer.ts'

export const nowMs = Date.UTC(2026, 10, 21, 20)
export const seconds = nowMs / 1000
export const subject = 'system:serviceaccount:causeway:agent'

export const clusterOf = (name: string, { url }: Pick<TestIssuer, 'url'>): FleetCluster => ({
  name,
  issuer: url,
  audience: 'causeway',
  subjects: [subject, 'system:serviceaccount:ml:predictor'],
  cloud: 'aws',
  region: 'us-east-1',
})
export const claimsOf = ({ url }: Pick<TestIssuer, 'url'>) => ({
  iss: url,
  sub: subject,
  aud: ['causeway'],
  iat: seconds - 60,
  nbf: seconds - 60,
  exp: seconds + 3600,
  'kubernetes.io': {
    namespace: 'causeway',
    node: { name: 'node-1', uid: 'n1' },
    pod: { name: 'agent-x7k2p', uid: 'p1' },
    serviceaccount: { name: 'agent', uid: 's1' },
  },
})
