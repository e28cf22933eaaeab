/** Three clusters' issuers and three clouds that trust them, set up as they should be: tests change what they are about. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cloud } from '../../wire/options-federation.ts'
import { type Authority, makeAuthority } from './authority.ts'
import { type Aws, type AwsAccount, startAws } from './aws.ts'
import { type Entra, startEntra, type Tenant } from './entra.ts'
import { type Google, type GoogleProject, startGoogle } from './google.ts'
import { type Issuer, startIssuer, type TokenAsk } from './issuer.ts'
import { startMetadata } from './metadata.ts'

export const subject = 'system:serviceaccount:ml:predictor'
export const role = 'arn:aws:iam::111122223333:role/ml-predictor'
export const podRole = 'arn:aws:iam::111122223333:role/pod-role'
export const tenantId = '72f988bf-0000-4000-8000-2d7cd011db47'
export const clientId = '4c1b2f0e-0000-4000-8000-5b7a6f2e9a01'
export const pool = '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters'
export const providerOf = (cluster: string): string => `${pool}/providers/${cluster}`
export const account = 'predictor@ml-prod.iam.gserviceaccount.com'
export const model = 'projects/ml-prod/locations/us-central1/endpoints/4242'
/** A managed identity of Azure, and what Google wants its token to be for. */
export const managedIdentity = '9d8e1c52-0000-4000-8000-c0ffee000001'
export const managedAudience = 'api://google-federation'
const podToken = 'pod-identity-token'
const instance = 'arn:aws:sts::111122223333:assumed-role/pod-role/i-0123456789abcdef0'

export const clusters = ['eks', 'aks', 'gke'] as const
export type Cluster = (typeof clusters)[number]

/** What each cloud wants a token to be for. */
export const audienceFor = (cloud: Cloud, cluster: Cluster): string =>
  cloud === 'aws' ? 'sts.amazonaws.com' : cloud === 'azure' ? 'api://AzureADTokenExchange' : `https:${providerOf(cluster)}`

export const accountOf = (issuers: readonly string[]): AwsAccount => ({
  providers: issuers.map(issuer => ({ issuer, clientIds: ['sts.amazonaws.com'] })),
  roles: [
    { arn: role, trusts: issuers.map(issuer => ({ issuer, sub: subject, aud: 'sts.amazonaws.com' })), buckets: ['models'] },
    { arn: podRole, trusts: [], buckets: ['models'] },
  ],
})
export const tenantOf = (issuers: readonly string[]): Tenant => ({
  id: tenantId,
  apps: [
    { clientId, credentials: issuers.map(issuer => ({ issuer, subject, audience: 'api://AzureADTokenExchange' })), containers: ['models'] },
  ],
})
export const projectOf = (issuers: Record<Cluster, string>): GoogleProject => ({
  providers: [
    ...clusters.map(cluster => ({ name: providerOf(cluster), issuer: issuers[cluster] })),
    { name: providerOf('aws'), awsAccount: '111122223333' },
    { name: providerOf('azure-identity'), issuer: issuers.aks, allowedAudiences: [managedAudience] },
  ],
  accounts: [{ email: account, members: [subject, instance, managedIdentity].map(one => `principal:${pool}/subject/${one}`) }],
  buckets: { models: [account] },
  models: { [model]: [account] },
})

export type World = {
  issuers: Record<Cluster, Issuer>
  aws: Aws
  entra: Entra
  google: Google
  /** Instance metadata of all three clouds, and EKS pod identity, with the variables that lead there. */
  metadata: {
    url: string
    azure: Record<string, string>
    gcp: Record<string, string>
    pod: Record<string, string>
    aws: Record<string, string>
  }
  authority: Authority
  caFile: string
  directory: string
  /** Writes a token into a file, where a pod would have it. */
  tokenFile(cluster: Cluster, ask?: TokenAsk, name?: string): Promise<string>
  /** Writes any text into a file. */
  file(name: string, text: string): string
  /** Google's own file, for a token in a file. */
  externalAccount(cluster: Cluster, path: string, change?: Record<string, unknown>): string
  [Symbol.asyncDispose](): Promise<void>
}

/** AKS's issuer ends with a slash, as it does. Issuers speak HTTP on loopback, the clouds HTTPS. */
export const startWorld = async (): Promise<World> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-clouds-'))
  const authority = await makeAuthority({ name: 'clouds' })
  const leaf = await authority.issue({ names: ['localhost'], addresses: ['127.0.0.1'] })
  const tls = { cert: leaf.chainPem, key: leaf.keyPem }
  const issuers = {
    eks: await startIssuer({ path: '/id/EXAMPLED539D4633E53DE1B71EXAMPLE' }),
    aks: await startIssuer({ path: '/tenant/guid' }),
    gke: await startIssuer({ path: '/v1/projects/p/locations/l/clusters/gke' }),
  }
  const all = clusters.map(cluster => issuers[cluster].issuer)
  const aws = await startAws(accountOf(all), { tls })
  const entra = await startEntra(tenantOf(all), { tls })
  const google = await startGoogle(projectOf({ eks: all[0]!, aks: all[1]!, gke: all[2]! }), { tls, askAws: aws.whoAmI })
  const file = (name: string, text: string): string => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }
  const metadata = await startMetadata({
    azure: resource => issuers.aks.token({ subject: managedIdentity, audience: resource }),
    gcp: {
      identity: audience => issuers.gke.token({ subject, audience }),
      access: () => google.issue(account, 3600, false),
      email: account,
    },
    aws: { role: 'pod-role', region: 'us-east-1', session: () => aws.session(podRole) },
    podToken,
  })
  return {
    issuers,
    metadata: {
      url: metadata.url,
      azure: { AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata.url },
      gcp: { GCE_METADATA_HOST: new URL(metadata.url).host },
      aws: { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url },
      pod: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${metadata.url}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('pod-token', podToken),
      },
    },
    aws,
    entra,
    google,
    authority,
    directory,
    file,
    caFile: file('ca.pem', authority.certPem),
    tokenFile: async (cluster, ask, name = 'token') => file(name, await issuers[cluster].token({ subject, ...ask })),
    externalAccount: (cluster, path, change = {}) =>
      file(
        'external-account.json',
        JSON.stringify({
          universe_domain: 'googleapis.com',
          type: 'external_account',
          audience: providerOf(cluster),
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          token_url: `${google.url}/v1/token`,
          service_account_impersonation_url: `${google.url}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
          credential_source: { file: path },
          ...change,
        }),
      ),
    async [Symbol.asyncDispose]() {
      await Promise.all([...Object.values(issuers), aws, entra, google, metadata].map(one => one.close()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
