/** Where a token is to be taken from. Pure. */
import type { Cloud, TokenOrigin } from '../../wire/options-federation.ts'
import { bad, good, type Parsed } from '../../wire/values.ts'
import type { ExternalAccount } from './external-account.ts'
import type { Variables } from './settings.ts'
import { readSecureUrl } from './urls.ts'

export type TokenPlan =
  | { kind: 'file'; path: string; field?: string }
  | { kind: 'url'; url: URL; headers: Record<string, string>; field?: string }
  | { kind: 'azure'; url: URL; resource: string; clientId?: string /** For Azure itself. */; native: boolean }
  | { kind: 'gcp'; url: URL; audience: string }
  | { kind: 'gcp_access'; url: URL }
  | { kind: 'aws'; pod?: { url: URL; tokenFile?: string }; instance: URL; verificationUrl?: string }

type Given = { tokenFrom?: TokenOrigin; tokenFile?: string; tokenUrl?: string; clientId?: string; scope?: string }
/** `cloud` absent: the token is a bearer, and no variable says which file. */
type Asked = { cloud?: Cloud; options: Given; variables: Variables; account?: ExternalAccount; audience?: string }

/** The variable with which each cloud's webhook names the projected token. */
const fileVariables = { aws: 'AWS_WEB_IDENTITY_TOKEN_FILE', azure: 'AZURE_FEDERATED_TOKEN_FILE' } as const

export const planToken = (asked: Asked): Parsed<TokenPlan> => {
  const { options, account } = asked
  const origin = options.tokenFrom ?? guessOrigin(asked)
  switch (origin) {
    case 'file':
      return planFile(asked)
    case 'url': {
      const given =
        account?.source.kind === 'url' && options.tokenUrl === undefined ? account.source : { url: options.tokenUrl ?? '', headers: {} }
      const url = readSecureUrl(given.url, "the token's URL")
      return typeof url === 'string' ? bad(url) : good({ ...given, kind: 'url', url })
    }
    case 'azure':
      return planAzure(asked)
    case 'gcp':
      return planGcp(asked)
    case 'aws':
      return planAws(asked)
    default:
      return bad('no token: say where it is with --token-file or --token-from, or run where the standard variables are set')
  }
}

const guessOrigin = ({ cloud, options, variables, account }: Asked): TokenOrigin | undefined => {
  if (options.tokenFile !== undefined) return 'file'
  if (options.tokenUrl !== undefined) return 'url'
  if (account) return account.source.kind
  if ((cloud === 'aws' || cloud === 'azure') && variables[fileVariables[cloud]]) return 'file'
  if (cloud === 'aws' && variables.AWS_CONTAINER_CREDENTIALS_FULL_URI) return 'aws'
  return cloud === 'gcp' ? 'gcp' : undefined
}

const planFile = ({ cloud, options, variables, account }: Asked): Parsed<TokenPlan> => {
  if (options.tokenFile === undefined && account?.source.kind === 'file') return good(account.source)
  const named = cloud === 'aws' || cloud === 'azure' ? variables[fileVariables[cloud]] : undefined
  const path = options.tokenFile ?? named
  return path === undefined ? bad('which file has the token? --token-file') : good({ kind: 'file', path })
}

/** `http://169.254.169.254` is what Azure's libraries ask unless AZURE_POD_IDENTITY_AUTHORITY_HOST says otherwise. */
const planAzure = ({ cloud, options, variables, audience }: Asked): Parsed<TokenPlan> => {
  const url = readSecureUrl(variables.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? 'http://169.254.169.254', 'the URL of the metadata service')
  if (typeof url === 'string') return bad(url)
  const scope = options.scope?.replace(/\/\.default$/, '')
  const resource = cloud === 'azure' ? (scope ?? 'https://management.azure.com') : audience
  if (resource === undefined) return bad('for whom is the token to be? --audience')
  url.pathname = '/metadata/identity/oauth2/token'
  return good({ kind: 'azure', url, resource, clientId: options.clientId ?? variables.AZURE_CLIENT_ID, native: cloud === 'azure' })
}

/** GKE's own Workload Identity gives an access token for Google itself, to which no audience applies; others get an identity token. */
const planGcp = ({ cloud, variables, audience }: Asked): Parsed<TokenPlan> => {
  const url = readSecureUrl(`http://${variables.GCE_METADATA_HOST ?? 'metadata.google.internal'}`, 'the URL of the metadata service')
  if (typeof url === 'string') return bad(url)
  if (cloud === 'gcp') return good({ kind: 'gcp_access', url })
  return audience === undefined ? bad('for whom is the token to be? --audience') : good({ kind: 'gcp', url, audience })
}

/** EKS pod identity where its variables are set, else the role of the instance (IMDSv2). */
const planAws = ({ variables, account }: Asked): Parsed<TokenPlan> => {
  const full = variables.AWS_CONTAINER_CREDENTIALS_FULL_URI
  const pod = full === undefined ? undefined : readSecureUrl(full, 'AWS_CONTAINER_CREDENTIALS_FULL_URI')
  const instance = readSecureUrl(variables.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? 'http://169.254.169.254', 'the URL of the metadata service')
  if (typeof pod === 'string') return bad(pod)
  if (typeof instance === 'string') return bad(instance)
  const verificationUrl = account?.source.kind === 'aws' ? account.source.verificationUrl : undefined
  return good({
    kind: 'aws',
    instance,
    verificationUrl,
    ...(pod && { pod: { url: pod, tokenFile: variables.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE } }),
  })
}
