/** What a situation is, and what a pod has in one. */
import type { Cause } from '../../wire/causes.ts'
import type { FederationStepName } from '../../wire/measured-federation.ts'
import type { Cloud } from '../../wire/options-federation.ts'
import type { FailReason, WarningCode } from '../../wire/reasons.ts'
import { audienceFor, type Cluster, clientId, role, tenantId, type World } from '../servers/cloud-world.ts'
import type { TokenAsk } from '../servers/issuer.ts'

/** The words after the target, and the environment. */
export type Asked = { words?: string[]; env?: Record<string, string> }
export type Case = {
  id: string
  /** From where to where. */
  pairing: string
  situation: string
  cloud: Cloud
  /** Puts the world into the situation. */
  setUp: (world: World) => Promise<Asked>
  expect: { reason?: FailReason; cause?: Cause; link?: FederationStepName; warning?: WarningCode }
}

export const names: Record<Cluster | Cloud, string> = { eks: 'EKS', aks: 'AKS', gke: 'GKE', aws: 'AWS', azure: 'Azure', gcp: 'GCP' }
export const clouds = ['aws', 'azure', 'gcp'] as const

/** What each cloud's webhook, or Google's file, sets in a pod: no option is needed. */
export const podOf = async (world: World, cluster: Cluster, cloud: Cloud, ask: TokenAsk = {}): Promise<Record<string, string>> => {
  const path = await world.tokenFile(cluster, { audience: audienceFor(cloud, cluster), ...ask })
  return envOf(world, cluster, cloud, path)
}

export const envOf = (world: World, cluster: Cluster, cloud: Cloud, path: string): Record<string, string> => {
  if (cloud === 'aws') return { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: path, AWS_ENDPOINT_URL_STS: world.aws.url }
  if (cloud === 'gcp') return { GOOGLE_APPLICATION_CREDENTIALS: world.externalAccount(cluster, path) }
  return { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: path, AZURE_AUTHORITY_HOST: world.entra.url }
}
