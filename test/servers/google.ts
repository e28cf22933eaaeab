/** Google's STS with pools and providers, IAM credentials, Cloud Storage and Vertex AI, as far as a federated credential needs them. */
import { randomBytes } from 'node:crypto'
import type { JSONWebKeySet } from 'jose'
import { type Asked, type CloudAt, json, type Said, startCloudServer } from './cloud-http.ts'
import { audiencesOf, type Claims, decode, verifySignature } from './cloud-verify.ts'

export type GoogleProvider = {
  /** `//iam.googleapis.com/projects/…` */
  name: string
  /** Absent: an AWS provider. */
  issuer?: string
  awsAccount?: string
  allowedAudiences?: string[]
  jwks?: JSONWebKeySet
  /** The attribute condition. */
  condition?: (claims: Claims) => boolean
  disabled?: boolean
  blocked?: boolean
}
export type GoogleProject = {
  providers: GoogleProvider[]
  /** `members`: principal://… that may impersonate it. */
  accounts: { email: string; members: string[] }[]
  /** Who may call what: a service account's e-mail or a principal. */
  buckets?: Record<string, string[]>
  models?: Record<string, string[]>
  /** The services take no federated tokens. */
  wantsAccount?: boolean
  broken?: boolean
  throttled?: boolean
}
export type Google = Awaited<ReturnType<typeof startGoogle>>
type Held = { principal: string; endsMs: number; federated: boolean }
/** Passes a signed GetCallerIdentity on to AWS. */
export type AskAws = (asked: Asked) => Said

const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const awsType = 'urn:ietf:params:aws:token-type:aws4_request'
const mostLifeSeconds = 48 * 3600

const oauth = (error: string, description: string, status = 400): Said => json(status, { error, error_description: description })
const rpc = (code: number, status: string, message: string, reason?: string, metadata: Record<string, string> = {}): Said =>
  json(code, {
    error: {
      code,
      message,
      status,
      ...(reason && { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com', metadata }] }),
    },
  })
const unauthenticated = (): Said =>
  rpc(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
  )

const principalOf = ({ name }: GoogleProvider, subject: string): string =>
  `principal:${name.replace(/\/providers\/.*$/, '')}/subject/${subject}`

export const startGoogle = async (
  project: GoogleProject,
  { now = Date.now, askAws, ...at }: CloudAt & { now?: () => number; askAws?: AskAws } = {},
) => {
  const held = new Map<string, Held>()
  const issue = (principal: string, seconds: number, federated: boolean): string => {
    const token = `ya29.${federated ? 'd.' : 'c.'}${randomBytes(300).toString('base64url')}`
    held.set(token, { principal, endsMs: now() + 1000 * seconds, federated })
    return token
  }
  const bearerOf = ({ headers }: Asked): Held | undefined => {
    const [, text = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? []
    const found = held.get(text)
    return found && found.endsMs > now() ? found : undefined
  }

  /** The subject that a token of ours stands for, or the refusal. */
  const judgeJwt = async (text: string, provider: GoogleProvider): Promise<string | Said> => {
    const token = decode(text)
    if (!token?.kid || !token.claims.sub) return oauth('invalid_grant', 'The given credential is not a valid OIDC ID token.')
    const { claims, alg } = token
    if (claims.iss !== provider.issuer)
      return oauth('invalid_grant', `The issuer in ID Token ${claims.iss} does not match the expected ones: ${provider.issuer}.`)
    const wanted = provider.allowedAudiences ?? [provider.name, `https:${provider.name}`]
    if (!audiencesOf(claims).some(one => wanted.includes(one)))
      return oauth('invalid_grant', `The audience in ID Token [${audiencesOf(claims).join(', ')}] does not match the expected audience.`)
    const second = Math.floor(now() / 1000)
    if (claims.exp <= second) return oauth('invalid_grant', `ID Token issued at ${claims.iat} is stale to sign-in.`)
    if (claims.exp - (claims.iat ?? 0) >= mostLifeSeconds || (claims.iat ?? 0) > second + 60)
      return oauth('invalid_grant', 'The ID Token has invalid iat or exp claims.')
    const fault = await verifySignature(
      text,
      claims.iss,
      ['RS256', 'ES256'].filter(one => one === alg),
      provider.jwks,
    )
    if (fault === 'unreachable') return oauth('invalid_grant', "Error connecting to the given credential's issuer.")
    if (fault) return oauth('invalid_grant', "The given credential's signature could not be verified: no matching public key.")
    if (provider.condition && !provider.condition(claims))
      return oauth('unauthorized_client', 'The given credential is rejected by the attribute condition.')
    return claims.sub
  }

  const judgeAws = (text: string, provider: GoogleProvider): string | Said => {
    const refused = oauth('invalid_grant', 'The given AWS credential is invalid: GetCallerIdentity was refused.')
    try {
      const {
        url,
        method,
        headers,
        body = '',
      } = JSON.parse(decodeURIComponent(text)) as { url: string; method: string; headers: { key: string; value: string }[]; body?: string }
      const { searchParams, pathname } = new URL(url)
      const fields = Object.fromEntries(headers.map(({ key, value }) => [key.toLowerCase(), value]))
      if (fields['x-goog-cloud-target-resource'] !== provider.name)
        return oauth('invalid_grant', 'The AWS request is not for this provider: x-goog-cloud-target-resource.')
      const said = askAws?.({ method, path: pathname, query: searchParams, headers: fields, body, url })
      if (!said || said === 'hang' || said.status !== 200) return refused
      const [, arn = ''] = /<Arn>([^<]+)<\/Arn>/.exec(said.body ?? '') ?? []
      return arn.split(':')[4] === provider.awsAccount
        ? arn
        : oauth('unauthorized_client', 'The given credential is rejected by the attribute condition.')
    } catch {
      return refused
    }
  }

  const exchange = async ({ body, headers }: Asked): Promise<Said> => {
    const given = headers['content-type']?.includes('json')
      ? (JSON.parse(body) as Record<string, string>)
      : Object.fromEntries(new URLSearchParams(body))
    const read = (snake: string, camel: string): string => given[snake] ?? given[camel] ?? ''
    const audience = given['audience'] ?? ''
    if (headers.authorization) return oauth('invalid_request', 'This endpoint takes no Authorization header.')
    if (read('grant_type', 'grantType') !== grant) return oauth('invalid_request', 'Invalid value for "grant_type".')
    if (!/^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\//.test(audience))
      return oauth('invalid_request', 'Invalid value for "audience". This value should be the full resource name of the Identity Provider.')
    const provider = project.providers.find(({ name }) => name === audience)
    if (!provider || provider.disabled)
      return oauth(
        'invalid_target',
        'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
      )
    if (provider.blocked)
      return oauth(
        'unauthorized_client',
        `Org Policy violated for value: '${provider.issuer}' in constraints/iam.workloadIdentityPoolProviders.`,
      )
    const [text, type] = [read('subject_token', 'subjectToken'), read('subject_token_type', 'subjectTokenType')]
    if (type !== (provider.issuer ? jwtType : awsType)) return oauth('invalid_request', `Invalid value for "subject_token_type": ${type}.`)
    const subject = provider.issuer ? await judgeJwt(text, provider) : judgeAws(text, provider)
    if (typeof subject !== 'string') return subject
    return json(200, {
      access_token: issue(principalOf(provider, subject), 3600, true),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 3600,
    })
  }

  const impersonate = (asked: Asked, email: string): Said => {
    const bearer = bearerOf(asked)
    if (!bearer) return unauthenticated()
    const account = project.accounts.find(one => one.email === email)
    if (!account?.members.includes(bearer.principal))
      return rpc(
        403,
        'PERMISSION_DENIED',
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
        'IAM_PERMISSION_DENIED',
        { permission: 'iam.serviceAccounts.getAccessToken' },
      )
    const { scope, lifetime = '3600s' } = JSON.parse(asked.body) as { scope?: string[]; lifetime?: string }
    const seconds = Number.parseInt(lifetime, 10)
    if (!scope?.length || !(seconds > 0 && seconds <= 3600)) return rpc(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.')
    return json(200, { accessToken: issue(email, seconds, false), expireTime: new Date(now() + 1000 * seconds).toISOString() })
  }

  const service = (asked: Asked, allowed: readonly string[] | undefined, permission: string, good: unknown): Said => {
    const bearer = bearerOf(asked)
    if (!bearer || (bearer.federated && project.wantsAccount)) return unauthenticated()
    if (!allowed) return rpc(404, 'NOT_FOUND', 'The specified resource does not exist.')
    if (!allowed.includes(bearer.principal))
      return rpc(
        403,
        'PERMISSION_DENIED',
        `Permission '${permission}' denied on resource (or it may not exist).`,
        'IAM_PERMISSION_DENIED',
        { permission },
      )
    return json(200, good)
  }

  const server = await startCloudServer(asked => {
    const { method, path } = asked
    if (project.broken) return rpc(503, 'UNAVAILABLE', 'The service is currently unavailable.')
    if (project.throttled) return rpc(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded.')
    if (method === 'POST' && path === '/v1/token') return exchange(asked)
    const [, email] = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(path) ?? []
    if (method === 'POST' && email) return impersonate(asked, decodeURIComponent(email))
    const [, bucket] = /^\/storage\/v1\/b\/([^/]+)\/o$/.exec(path) ?? []
    if (bucket) return service(asked, project.buckets?.[bucket], 'storage.objects.list', { kind: 'storage#objects' })
    const [, model] = /^\/v1\/(projects\/.+):predict$/.exec(path) ?? []
    if (method === 'POST' && model) return service(asked, project.models?.[model], 'aiplatform.endpoints.predict', { predictions: [0.5] })
    return rpc(404, 'NOT_FOUND', 'Not found.')
  }, at)
  return { server, url: server.url, project, close: server.close, issue }
}
