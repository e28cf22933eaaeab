/** Situations of federated credentials, each with what is changed in a world that is set up as it should be, and what the command must say. */
import type { Cause } from '../../wire/causes.ts'
import type { FederationStepName } from '../../wire/measured-federation.ts'
import type { Cloud } from '../../wire/options-federation.ts'
import type { FailReason, WarningCode } from '../../wire/reasons.ts'
import {
  audienceFor,
  type Cluster,
  clientId,
  clusters,
  managedAudience,
  model,
  providerOf,
  role,
  tenantId,
  type World,
} from '../servers/cloud-world.ts'
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

const names: Record<Cluster | Cloud, string> = { eks: 'EKS', aks: 'AKS', gke: 'GKE', aws: 'AWS', azure: 'Azure', gcp: 'GCP' }
const clouds = ['aws', 'azure', 'gcp'] as const

/** What each cloud's webhook, or Google's file, sets in a pod: no option is needed. */
const podOf = async (world: World, cluster: Cluster, cloud: Cloud, ask: TokenAsk = {}): Promise<Record<string, string>> => {
  const path = await world.tokenFile(cluster, { audience: audienceFor(cloud, cluster), ...ask })
  return envOf(world, cluster, cloud, path)
}

const envOf = (world: World, cluster: Cluster, cloud: Cloud, path: string): Record<string, string> => {
  if (cloud === 'aws') return { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: path, AWS_ENDPOINT_URL_STS: world.aws.url }
  if (cloud === 'gcp') return { GOOGLE_APPLICATION_CREDENTIALS: world.externalAccount(cluster, path) }
  return { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: path, AZURE_AUTHORITY_HOST: world.entra.url }
}

const pairings: Case[] = clusters.flatMap((cluster, row) =>
  clouds.map((cloud, column) => ({
    id: `F${3 * row + column + 1}`,
    pairing: `${names[cluster]} → ${names[cloud]}`,
    situation: 'set up as it should be',
    cloud,
    setUp: async world => ({ env: await podOf(world, cluster, cloud) }),
    expect: {},
  })),
)

const own: Case[] = [
  {
    id: 'F1',
    pairing: 'EKS → AWS',
    situation: 'pod identity, which needs no exchange',
    cloud: 'aws',
    setUp: async world => ({ env: { ...world.metadata.pod, AWS_ENDPOINT_URL_STS: world.aws.url } }),
    expect: {},
  },
  {
    id: 'F3',
    pairing: 'EKS → GCP',
    situation: 'the role of the instance, by a signed GetCallerIdentity',
    cloud: 'gcp',
    setUp: async world => {
      const source = {
        environment_id: 'aws1',
        regional_cred_verification_url: `${world.aws.url}?Action=GetCallerIdentity&Version=2011-06-15`,
      }
      const change = {
        audience: providerOf('aws'),
        subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request',
        credential_source: source,
      }
      return { env: { ...world.metadata.aws, GOOGLE_APPLICATION_CREDENTIALS: world.externalAccount('eks', '', change) } }
    },
    expect: {},
  },
  {
    id: 'F5',
    pairing: 'AKS → Azure',
    situation: "the node's managed identity, which needs no exchange",
    cloud: 'azure',
    setUp: async world => ({ words: ['--token-from', 'azure'], env: world.metadata.azure }),
    expect: {},
  },
  {
    id: 'F9',
    pairing: 'GKE → GCP',
    situation: "GKE's own Workload Identity, to which no audience applies",
    cloud: 'gcp',
    setUp: async world => ({ env: world.metadata.gcp }),
    expect: {},
  },
  {
    id: 'F7',
    pairing: 'GKE → AWS',
    situation: "Google's identity token of the metadata service",
    cloud: 'aws',
    setUp: async world => ({
      words: ['--token-from', 'gcp', '--role-arn', role],
      env: { ...world.metadata.gcp, AWS_ENDPOINT_URL_STS: world.aws.url },
    }),
    expect: {},
  },
]

const vertex = (world: World): string[] => ['--call', 'vertex', '--resource', model, '--call-url', world.google.url]
const calls: Case[] = [
  {
    id: 'F10',
    pairing: 'AKS → GCP',
    situation: 'a Vertex AI prediction',
    cloud: 'gcp',
    setUp: async world => ({ words: vertex(world), env: await podOf(world, 'aks', 'gcp') }),
    expect: {},
  },
  {
    id: 'F10',
    pairing: 'AKS → GCP',
    situation: 'the exchange is good, the prediction is not allowed',
    cloud: 'gcp',
    setUp: async world => {
      world.google.project.models = { [model]: [] }
      return { words: vertex(world), env: await podOf(world, 'aks', 'gcp') }
    },
    expect: { reason: 'call_denied', cause: 'federation_permission', link: 'call' },
  },
  {
    id: 'F10',
    pairing: 'AKS → GCP',
    situation: 'the exchange is not good, so nothing is called',
    cloud: 'gcp',
    setUp: async world => {
      world.google.project.accounts[0]!.members = []
      return { words: vertex(world), env: await podOf(world, 'aks', 'gcp') }
    },
    expect: { reason: 'impersonation_denied', cause: 'federation_permission', link: 'impersonation' },
  },
  {
    id: 'F10',
    pairing: 'AKS → GCP',
    situation: 'the service takes no federated tokens, and no service account is impersonated',
    cloud: 'gcp',
    setUp: async world => {
      world.google.project.wantsAccount = true
      const path = await world.tokenFile('aks', { audience: audienceFor('gcp', 'aks') })
      const words = ['--provider', providerOf('aks'), '--token-file', path, '--endpoint', world.google.url]
      return { words: [...words, ...vertex(world)] }
    },
    expect: { reason: 'token_type_unsupported', cause: 'federation_permission', link: 'call' },
  },
  {
    id: 'F10',
    pairing: 'EKS → AWS',
    situation: 'a bucket is listed',
    cloud: 'aws',
    setUp: async world => ({
      words: ['--call', 's3', '--resource', 'models', '--call-url', world.aws.url],
      env: await podOf(world, 'eks', 'aws'),
    }),
    expect: {},
  },
  {
    id: 'F10',
    pairing: 'EKS → AWS',
    situation: 'the role may not list the bucket',
    cloud: 'aws',
    setUp: async world => ({
      words: ['--call', 's3', '--resource', 'other', '--call-url', world.aws.url],
      env: await podOf(world, 'eks', 'aws'),
    }),
    expect: { reason: 'call_denied', cause: 'federation_permission', link: 'call' },
  },
  {
    id: 'F10',
    pairing: 'AKS → Azure',
    situation: 'a container is listed',
    cloud: 'azure',
    setUp: async world => ({
      words: ['--call', 'blob', '--resource', 'account1/models', '--call-url', world.entra.url],
      env: await podOf(world, 'aks', 'azure'),
    }),
    expect: {},
  },
  {
    id: 'F10',
    pairing: 'AKS → Azure',
    situation: 'the application has no role on the container',
    cloud: 'azure',
    setUp: async world => ({
      words: ['--call', 'blob', '--resource', 'account1/other', '--call-url', world.entra.url],
      env: await podOf(world, 'aks', 'azure'),
    }),
    expect: { reason: 'call_denied', cause: 'federation_permission', link: 'call' },
  },
]

/** As Google's own tool writes it for Azure: a URL source. */
const managed = (world: World, resource: string): Asked => {
  const url = `${world.metadata.url}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(resource)}`
  const source = { url, headers: { Metadata: 'True' }, format: { type: 'json', subject_token_field_name: 'access_token' } }
  const path = world.externalAccount('aks', '', { audience: providerOf('azure-identity'), credential_source: source })
  return { env: { GOOGLE_APPLICATION_CREDENTIALS: path } }
}
const identities: Case[] = [
  {
    id: 'F11',
    pairing: 'Azure managed identity → GCP',
    situation: 'set up as it should be',
    cloud: 'gcp',
    setUp: async world => managed(world, managedAudience),
    expect: {},
  },
  {
    id: 'F11',
    pairing: 'Azure managed identity → GCP',
    situation: 'the token is for another resource',
    cloud: 'gcp',
    setUp: async world => managed(world, 'https://management.azure.com'),
    expect: { reason: 'audience_mismatch', cause: 'federation_audience', link: 'claims' },
  },
]

/** The cluster that is not the cloud's own: the harder half of the pairs. */
const clusterFor: Record<Cloud, Cluster> = { aws: 'gke', azure: 'eks', gcp: 'aks' }
type Fault = {
  situation: string
  only?: Cloud[]
  setUp: (world: World, cluster: Cluster, cloud: Cloud) => Promise<Asked>
  expect: Case['expect'] | Partial<Record<Cloud, Case['expect']>>
}

const stale = { reason: 'token_expired', cause: 'federation_token_stale', link: 'claims' } as const
const faults: Fault[] = [
  {
    situation: 'the token is for another audience',
    setUp: async (world, cluster, cloud) => ({ env: await podOf(world, cluster, cloud, { audience: 'vault' }) }),
    expect: { reason: 'audience_mismatch', cause: 'federation_audience', link: 'claims' },
  },
  {
    situation: 'the namespace was renamed',
    setUp: async (world, cluster, cloud) => {
      world.google.project.providers.find(({ name }) => name === providerOf(cluster))!.condition = ({ sub }) =>
        sub === 'system:serviceaccount:ml:predictor'
      return { env: await podOf(world, cluster, cloud, { subject: 'system:serviceaccount:ml-2:predictor' }) }
    },
    expect: {
      aws: { reason: 'subject_mismatch_or_policy', cause: 'federation_subject', link: 'exchange' },
      azure: { reason: 'subject_mismatch', cause: 'federation_subject', link: 'exchange' },
      gcp: { reason: 'subject_mismatch', cause: 'federation_subject', link: 'exchange' },
    },
  },
  {
    situation: 'the cloud has the issuer with a slash too many',
    setUp: async (world, cluster, cloud) => {
      const wrong = `${world.issuers[cluster].issuer}/`
      world.aws.account.providers = [{ issuer: wrong, clientIds: ['sts.amazonaws.com'] }]
      for (const one of world.entra.tenant.apps[0]!.credentials) one.issuer = wrong
      for (const one of world.google.project.providers) if (one.issuer) one.issuer = wrong
      return { words: ['--issuer', wrong], env: await podOf(world, cluster, cloud) }
    },
    expect: { reason: 'issuer_unknown', cause: 'federation_issuer', link: 'claims' },
  },
  {
    situation: 'the token has expired',
    setUp: async (world, cluster, cloud) => ({ env: await podOf(world, cluster, cloud, { issuedIn: -7200, expiresIn: -3600 }) }),
    expect: stale,
  },
  {
    situation: 'the token was not renewed at 80 % of its life',
    only: ['azure'],
    setUp: async (world, cluster, cloud) => ({ env: await podOf(world, cluster, cloud, { issuedIn: -3300, expiresIn: 300 }) }),
    expect: { warning: 'token_expiring', cause: 'federation_token_stale' },
  },
  {
    situation: "the issuer's documents can't be fetched",
    setUp: async (world, cluster, cloud) => {
      world.issuers[cluster].fail('not found')
      return { env: await podOf(world, cluster, cloud) }
    },
    expect: { reason: 'issuer_unreachable', cause: 'federation_issuer', link: 'issuer' },
  },
  {
    situation: 'the key was rotated and not published',
    setUp: async (world, cluster, cloud) => {
      await world.issuers[cluster].rotate(false)
      return { env: await podOf(world, cluster, cloud) }
    },
    expect: { reason: 'key_not_in_jwks', cause: 'federation_issuer', link: 'signature' },
  },
  {
    situation: 'the provider, the credential or the application was deleted',
    setUp: async (world, cluster, cloud) => {
      world.aws.account.providers = []
      world.entra.tenant.apps = []
      for (const one of world.google.project.providers) one.disabled = true
      return { env: await podOf(world, cluster, cloud) }
    },
    expect: {
      aws: { reason: 'issuer_unknown', cause: 'federation_issuer', link: 'exchange' },
      azure: { reason: 'target_missing', cause: 'federation_permission', link: 'exchange' },
      gcp: { reason: 'target_missing', cause: 'federation_permission', link: 'exchange' },
    },
  },
  {
    situation: 'impersonation was not granted',
    only: ['gcp'],
    setUp: async (world, cluster, cloud) => {
      world.google.project.accounts[0]!.members = []
      return { env: await podOf(world, cluster, cloud) }
    },
    expect: { reason: 'impersonation_denied', cause: 'federation_permission', link: 'impersonation' },
  },
  {
    situation: 'a policy of the organisation forbids it',
    setUp: async (world, cluster, cloud) => {
      world.aws.account.disabled = true
      world.entra.tenant.blocked = true
      for (const one of world.google.project.providers) one.blocked = true
      return { env: await podOf(world, cluster, cloud) }
    },
    expect: {
      aws: { reason: 'endpoint_disabled', cause: 'federation_permission', link: 'exchange' },
      azure: { reason: 'policy_blocked', cause: 'federation_permission', link: 'exchange' },
      gcp: { reason: 'policy_blocked', cause: 'federation_permission', link: 'exchange' },
    },
  },
  {
    situation: 'there is no token',
    only: ['aws'],
    setUp: async (world, cluster, cloud) => ({ env: envOf(world, cluster, cloud, '/nonexistent/token') }),
    expect: { reason: 'token_missing', cause: 'federation_token_stale', link: 'token' },
  },
]

const isByCloud = (expect: Fault['expect']): expect is Partial<Record<Cloud, Case['expect']>> =>
  'aws' in expect || 'azure' in expect || 'gcp' in expect

const broken: Case[] = faults.flatMap(({ situation, only = [...clouds], setUp, expect }) =>
  only.map(cloud => ({
    id: 'F12',
    pairing: `${names[clusterFor[cloud]]} → ${names[cloud]}`,
    situation,
    cloud,
    setUp: world => setUp(world, clusterFor[cloud], cloud),
    expect: isByCloud(expect) ? expect[cloud]! : expect,
  })),
)

const practices: Case[] = clouds.flatMap((cloud): Case[] => {
  const cluster = clusterFor[cloud]
  const foreign = cloud === 'aws' ? 'api://AzureADTokenExchange' : 'sts.amazonaws.com'
  const pairing = `${names[cluster]} → ${names[cloud]}`
  return [
    {
      id: 'F13',
      pairing,
      situation: "the token's audience is another cloud's, and this cloud takes it",
      cloud,
      setUp: async world => {
        for (const one of world.aws.account.providers) one.clientIds.push(foreign)
        for (const { trusts } of world.aws.account.roles) for (const one of trusts) delete one.aud
        for (const one of world.entra.tenant.apps[0]!.credentials) one.audience = foreign
        for (const one of world.google.project.providers) one.allowedAudiences = [foreign]
        return { env: await podOf(world, cluster, cloud, { audience: foreign }) }
      },
      expect: { warning: 'audience_foreign', cause: 'federation_audience' },
    },
    {
      id: 'F13',
      pairing,
      situation: 'the policy allows a pattern of subjects',
      cloud,
      setUp: async world => ({ words: ['--subject', 'system:serviceaccount:ml:*'], env: await podOf(world, cluster, cloud) }),
      expect: { warning: 'subject_wildcard', cause: 'federation_subject' },
    },
  ]
})

export const cases: readonly Case[] = [...pairings, ...own, ...calls, ...identities, ...broken, ...practices]
