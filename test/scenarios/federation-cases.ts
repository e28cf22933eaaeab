/** Situations of federated credentials, each with what is changed in a world that is set up as it should be, and what the command must say. */
import { audienceFor, clusters, managedAudience, model, providerOf, role, type World } from '../servers/cloud-world.ts'
import { broken, practices } from './federation-faults.ts'
import { type Asked, type Case, clouds, names, podOf } from './federation-pods.ts'

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

export const cases: readonly Case[] = [...pairings, ...own, ...calls, ...identities, ...broken, ...practices]
