/** Entra's token endpoint with applications and their federated credentials, and a Blob service that takes its tokens. */
import { randomBytes, randomUUID } from 'node:crypto'
import { type Asked, type CloudAt, json, type Said, startCloudServer, xml } from './cloud-http.ts'
import { audiencesOf, decode, verifySignature } from './cloud-verify.ts'

export type EntraApp = { clientId: string; credentials: { issuer: string; subject: string; audience: string }[]; containers?: string[] }
export type Tenant = { id: string; apps: EntraApp[]; broken?: boolean; throttled?: boolean; blocked?: boolean }
export type Entra = Awaited<ReturnType<typeof startEntra>>

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const stampOf = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')

/** As error texts have times: seven decimals. */
const timeOf = (ms: number): string => new Date(ms).toISOString().replace('Z', '0000Z')

export const startEntra = async (tenant: Tenant, { now = Date.now, ...at }: CloudAt & { now?: () => number } = {}) => {
  const tokens = new Map<string, { clientId: string; resource: string; endsMs: number }>()
  const failure = (status: number, error: string, code: number, text: string): Said => {
    const [trace, correlation, timestamp] = [randomUUID(), randomUUID(), stampOf(now())]
    return json(
      status,
      {
        error,
        error_description: `AADSTS${code}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
        error_codes: [code],
        timestamp,
        trace_id: trace,
        correlation_id: correlation,
        error_uri: `https://login.microsoftonline.com/error?code=${code}`,
      },
      { 'x-ms-request-id': trace },
    )
  }
  const noMatch = 'No matching federated identity record found for presented assertion'
  const check =
    'Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation'

  const exchange = async (form: URLSearchParams): Promise<Said> => {
    const clientId = form.get('client_id') ?? ''
    const app = tenant.apps.find(one => one.clientId === clientId)
    if (form.get('grant_type') !== 'client_credentials')
      return failure(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.')
    if (!app)
      return failure(
        400,
        'unauthorized_client',
        700016,
        `Application with identifier '${clientId}' was not found in the directory '${tenant.id}'.`,
      )
    if (tenant.blocked)
      return failure(
        400,
        'access_denied',
        53003,
        'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
      )
    const scope = form.get('scope') ?? ''
    const asked = scope.split(' ').find(one => one.endsWith('/.default'))
    if (!asked) return failure(400, 'invalid_scope', 1002012, `The provided value for scope ${scope} is not valid.`)
    const text = form.get('client_assertion') ?? ''
    const token = decode(text)
    if (form.get('client_assertion_type') !== jwtBearer || !token?.claims.sub)
      return failure(400, 'invalid_request', 50027, 'JWT token is invalid or malformed.')
    const { claims, alg } = token
    const sameIssuer = app.credentials.filter(one => one.issuer === claims.iss)
    if (!sameIssuer.length) return failure(401, 'invalid_client', 700211, `${noMatch} issuer '${claims.iss}'. ${check}`)
    const sameAudience = sameIssuer.filter(one => audiencesOf(claims).includes(one.audience))
    if (!sameAudience.length) return failure(401, 'invalid_client', 700212, `${noMatch} audience '${audiencesOf(claims)[0]}'. ${check}`)
    const folded = claims.sub.toLowerCase()
    if (!sameAudience.some(one => one.subject === claims.sub) && sameAudience.some(one => one.subject.toLowerCase() === folded))
      return failure(
        401,
        'invalid_client',
        7002138,
        `${noMatch} subject '${claims.sub}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. ${check}`,
      )
    if (!sameAudience.some(one => one.subject === claims.sub))
      return failure(401, 'invalid_client', 700213, `${noMatch} subject '${claims.sub}'. ${check}`)
    const second = Math.floor(now() / 1000)
    if (claims.exp <= second || (claims.iat ?? 0) > second + 300)
      return failure(
        401,
        'invalid_client',
        700024,
        `Client assertion is not within its valid time range. Current time: ${timeOf(now())}, assertion valid from ${timeOf(1000 * (claims.iat ?? 0))}, expiry time of assertion ${timeOf(1000 * claims.exp)}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
      )
    const fault = alg === 'RS256' ? await verifySignature(text, claims.iss, ['RS256']) : 'bad signature'
    if (fault === 'unreachable') return failure(400, 'invalid_request', 90061, 'Request to External OIDC endpoint failed.')
    if (fault === 'no key')
      return failure(401, 'invalid_client', 50013, 'Assertion failed signature validation. [Reason - The key was not found.]')
    if (fault) return failure(401, 'invalid_client', 50013, 'Assertion failed signature validation. [Reason - The signature is not valid.]')
    return json(200, {
      token_type: 'Bearer',
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: issue(clientId, asked.replace(/\/\.default$/, '')),
    })
  }

  const issue = (clientId: string, resource: string): string => {
    const token = randomBytes(600).toString('base64url')
    tokens.set(token, { clientId, resource, endsMs: now() + 3599_000 })
    return token
  }

  const blob = ({ headers, path }: Asked): Said => {
    const id = randomUUID()
    const say = (status: number, code: string): Said =>
      xml(status, `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>RequestId:${id}</Message></Error>`, {
        'x-ms-request-id': id,
        'x-ms-error-code': code,
      })
    const [, bearer = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? []
    const token = tokens.get(bearer)
    if (!headers['x-ms-version']) return say(400, 'MissingRequiredHeader')
    if (!token || token.endsMs <= now() || token.resource !== 'https://storage.azure.com') return say(401, 'InvalidAuthenticationInfo')
    const container = path.split('/')[1] ?? ''
    const app = tenant.apps.find(({ clientId }) => clientId === token.clientId)
    if (!app?.containers?.includes(container)) return say(403, 'AuthorizationPermissionMismatch')
    return xml(200, '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs /></EnumerationResults>', { 'x-ms-request-id': id })
  }

  const server = await startCloudServer(asked => {
    const { method, path } = asked
    if (tenant.broken) return failure(503, 'temporarily_unavailable', 90033, 'A transient error has occurred. Please try again.')
    if (tenant.throttled) return failure(429, 'temporarily_unavailable', 90055, 'Too many requests.')
    if (path === `/${tenant.id}/v2.0/.well-known/openid-configuration`) {
      const base = `${server.url}/${tenant.id}`
      return json(200, {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      })
    }
    if (method === 'POST' && path === `/${tenant.id}/oauth2/v2.0/token`) return exchange(new URLSearchParams(asked.body))
    if (/^\/[^/]+\/oauth2\/v2\.0\/token$/.test(path))
      return failure(400, 'invalid_request', 90002, `Tenant '${path.split('/')[1]}' not found.`)
    return blob(asked)
  }, at)
  return { server, url: server.url, tenant, close: server.close, issue }
}
