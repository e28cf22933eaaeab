/** What a run is to do: the options, and where they are silent the standard variables and Google's file. Pure. */

import type { Options } from '../../wire/options.ts'
import { type Cloud, isCloud, type StandardVariable } from '../../wire/options-federation.ts'
import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import { type CallPlan, planCall } from './call.ts'
import type { ExternalAccount } from './external-account.ts'
import { planToken, type TokenPlan } from './token-plan.ts'
import { readSecureUrl } from './urls.ts'

export type AwsSettings = { cloud: 'aws'; url: URL; region: string; roleArn?: string; sessionName: string }
export type AzureSettings = { cloud: 'azure'; url: URL; tenantId: string; clientId: string; scope: string }
export type GcpSettings = {
  cloud: 'gcp'
  url: URL
  provider?: string
  subjectTokenType: string
  serviceAccount?: string
  impersonationUrl?: URL
}
/** Who is asked for the credential. */
export type Exchange = AwsSettings | AzureSettings | GcpSettings

export type Settings = {
  cloud: Cloud
  token: TokenPlan
  /** Any of them is right for the cloud. */
  audiences: string[]
  /** Nobody said which: another one may be right too, where the cloud was told so. */
  audienceAssumed: boolean
  issuer?: string
  subject?: string
  exchange: Exchange
  call?: CallPlan
}

type Given = Options['federation']
export type Variables = { readonly [V in StandardVariable]?: string }

/** The target's own host names the cloud where no option does. */
export const cloudOf = ({ to }: Given, host: string): Cloud | undefined => to ?? (isCloud(host) ? host : undefined)

/** The file that has Google's settings, where one is to be read. */
export const credentialsFileOf = (options: Given): string | undefined =>
  options.credentialsFile ??
  (options.provider === undefined ? (options.environment as Variables).GOOGLE_APPLICATION_CREDENTIALS : undefined)

/** Everything that is missing or wrong, each with its remedy. */
export const readSettings = (options: Given, host: string, account?: ExternalAccount): Parsed<Settings> => {
  const cloud = cloudOf(options, host)
  if (!cloud) return bad(`the target ${quote(host)} names no cloud: say which with to: aws, azure or gcp`)
  const variables = options.environment as Variables
  const call = planCall(options, variables)
  const exchange = exchanges[cloud](options, variables, account, call.ok ? call.value?.scope : undefined)
  const audiences = options.audience === undefined ? wantedAudiences(exchange) : [options.audience]
  const token = planToken({ cloud, options, variables, account, audience: audiences[0] })
  const parts = [call, exchange, token].flatMap(part => (part.ok ? [] : part.problems))
  const native = token.ok && isNative(cloud, token.value)
  const missing = exchange.ok && token.ok ? missingOf(exchange.value, native) : []
  if (!call.ok || !exchange.ok || !token.ok || missing.length > 0) return bad(...parts, ...missing)
  const { issuer, subject } = options
  return good({
    cloud,
    token: token.value,
    audiences,
    audienceAssumed: options.audience === undefined,
    issuer,
    subject,
    exchange: exchange.value,
    call: call.value,
  })
}

/** The cloud's own identity, which is no federated one: nothing is exchanged. */
export const isNative = (cloud: Cloud, token: TokenPlan): boolean =>
  (cloud === 'aws' && token.kind === 'aws') || (cloud === 'azure' && token.kind === 'azure') || token.kind === 'gcp_access'

const missingOf = (exchange: Exchange, native: boolean): string[] => {
  if (exchange.cloud === 'aws') return native || exchange.roleArn ? [] : ['which role? --role-arn, or AWS_ROLE_ARN']
  if (exchange.cloud === 'gcp')
    return native || exchange.provider ? [] : ['which provider? --provider, or an external_account file in GOOGLE_APPLICATION_CREDENTIALS']
  return native
    ? []
    : [
        ...(exchange.tenantId ? [] : ['which tenant? --tenant-id, or AZURE_TENANT_ID']),
        ...(exchange.clientId ? [] : ['which application? --client-id, or AZURE_CLIENT_ID']),
      ]
}

/** What each cloud takes without being told (AWS: the client ID of EKS's providers; Entra: its own name; Google: the provider). */
const wantedAudiences = (exchange: Parsed<Exchange>): string[] => {
  if (!exchange.ok) return []
  const { value } = exchange
  if (value.cloud === 'aws') return ['sts.amazonaws.com']
  if (value.cloud === 'gcp') return value.provider ? [`https:${value.provider}`, value.provider] : []
  const host = value.url.hostname
  const china = /chinacloudapi\.cn$|partner\.microsoftonline\.cn$/.test(host)
  return [
    china
      ? 'api://AzureADTokenExchangeChina'
      : host.endsWith('.microsoftonline.us')
        ? 'api://AzureADTokenExchangeUSGov'
        : 'api://AzureADTokenExchange',
  ]
}

type Read = (options: Given, variables: Variables, account: ExternalAccount | undefined, scope: string | undefined) => Parsed<Exchange>

const exchanges: Record<Cloud, Read> = {
  aws: (options, variables) => {
    const region = options.region ?? variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION ?? 'us-east-1'
    if (!/^[a-z0-9-]{1,32}$/.test(region)) return bad(`the region ${quote(region)} is not one`)
    const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
    const url = readSecureUrl(
      options.endpoint ?? variables.AWS_ENDPOINT_URL_STS ?? `https://sts.${region}.${suffix}/`,
      'the URL of AWS STS',
    )
    if (typeof url === 'string') return bad(url)
    const sessionName = (variables.AWS_ROLE_SESSION_NAME ?? 'causeway')
      .replace(/[^\w+=,.@-]/g, '-')
      .slice(0, 64)
      .padEnd(2, '-')
    return good({ cloud: 'aws', url, region, roleArn: options.roleArn ?? variables.AWS_ROLE_ARN, sessionName })
  },
  azure: (options, variables, _account, scope) => {
    const url = readSecureUrl(
      options.endpoint ?? variables.AZURE_AUTHORITY_HOST ?? 'https://login.microsoftonline.com/',
      "the URL of Entra's authority",
    )
    if (typeof url === 'string') return bad(url)
    const tenantId = options.tenantId ?? variables.AZURE_TENANT_ID ?? ''
    if (!/^[A-Za-z0-9.-]{0,128}$/.test(tenantId)) return bad(`the tenant ${quote(tenantId)} is not one`)
    const clientId = options.clientId ?? variables.AZURE_CLIENT_ID ?? ''
    return good({ cloud: 'azure', url, tenantId, clientId, scope: options.scope ?? scope ?? 'https://management.azure.com/.default' })
  },
  gcp: (options, _variables, account) => {
    const base = options.endpoint ?? account?.tokenUrl ?? 'https://sts.googleapis.com/v1/token'
    const url = readSecureUrl(base, 'the URL of Google STS')
    if (typeof url === 'string') return bad(url)
    if (url.pathname === '/') url.pathname = '/v1/token'
    const serviceAccount = options.serviceAccount ?? account?.serviceAccount
    const told = options.serviceAccount === undefined && options.iamEndpoint === undefined ? account?.impersonationUrl : undefined
    const iam = (options.iamEndpoint ?? 'https://iamcredentials.googleapis.com').replace(/\/$/, '')
    const impersonation =
      serviceAccount === undefined
        ? undefined
        : (told ?? `${iam}/v1/projects/-/serviceAccounts/${encodeURIComponent(serviceAccount)}:generateAccessToken`)
    const impersonationUrl = impersonation === undefined ? undefined : readSecureUrl(impersonation, 'the URL of IAM credentials')
    if (typeof impersonationUrl === 'string') return bad(impersonationUrl)
    const subjectTokenType = account?.subjectTokenType ?? (options.tokenFrom === 'aws' ? awsType : jwtType)
    return good({ cloud: 'gcp', url, provider: options.provider ?? account?.provider, subjectTokenType, serviceAccount, impersonationUrl })
  },
}

/** RFC 8693 §3, and Google's own for signed AWS requests. */
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
export const awsType = 'urn:ietf:params:aws:token-type:aws4_request'
