/** What breaks, per cloud, and what works and is not good practice. */
import type { Cloud } from '../../wire/options-federation.ts'
import { type Cluster, providerOf, type World } from '../servers/cloud-world.ts'
import { type Asked, type Case, clouds, envOf, names, podOf } from './federation-pods.ts'

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
    situation: 'the namespace was renamed, and only its capitals differ',
    only: ['azure'],
    setUp: async (world, cluster, cloud) => ({
      env: await podOf(world, cluster, cloud, { subject: 'system:serviceaccount:ML:predictor' }),
    }),
    expect: { reason: 'subject_mismatch', cause: 'federation_subject', link: 'exchange' },
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

export const broken: Case[] = faults.flatMap(({ situation, only = [...clouds], setUp, expect }) =>
  only.map(cloud => ({
    id: 'F12',
    pairing: `${names[clusterFor[cloud]]} → ${names[cloud]}`,
    situation,
    cloud,
    setUp: world => setUp(world, clusterFor[cloud], cloud),
    expect: isByCloud(expect) ? expect[cloud]! : expect,
  })),
)

export const practices: Case[] = clouds.flatMap((cloud): Case[] => {
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
