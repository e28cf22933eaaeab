/** Instance metadata of three clouds, each with the header that it demands, and EKS pod identity. */
import { randomBytes } from 'node:crypto'
import { type CloudAt, json, type Said, startCloudServer } from './cloud-http.ts'

export type AwsSession = { id: string; secret: string; sessionToken: string; endsMs: number }
export type MetadataOptions = CloudAt & {
  /** A managed identity's token for a resource; undefined: no such identity. */
  azure?: (resource: string, clientId?: string) => Promise<string | undefined>
  gcp?: { identity: (audience: string) => Promise<string>; access?: () => string; email?: string }
  aws?: { role: string; region: string; session: () => AwsSession }
  /** The token that EKS pod identity must be shown. */
  podToken?: string
}

const flavor = { 'metadata-flavor': 'Google' }
const plain = (status: number, body: string, headers: Record<string, string> = {}): Said => ({
  status,
  headers: { 'content-type': 'text/plain', ...headers },
  body,
})

export const startMetadata = async ({ azure, gcp, aws, podToken, ...at }: MetadataOptions) => {
  const v2 = new Set<string>()
  const server = await startCloudServer(async ({ method, path, query, headers }) => {
    if (path === '/metadata/identity/oauth2/token' && azure) {
      if (String(headers.metadata).toLowerCase() !== 'true')
        return json(400, { error: 'invalid_request', error_description: 'Required metadata header not specified' })
      if (headers['x-forwarded-for']) return json(400, { error: 'invalid_request', error_description: 'X-Forwarded-For is not allowed' })
      if (query.get('api-version') !== '2018-02-01' || !query.get('resource'))
        return json(400, { error: 'bad_request_102', error_description: 'Required metadata header not specified' })
      const token = await azure(query.get('resource')!, query.get('client_id') ?? undefined)
      if (!token) return json(400, { error: 'invalid_request', error_description: 'Identity not found' })
      return json(200, {
        access_token: token,
        client_id: query.get('client_id') ?? 'system',
        expires_in: '86399',
        resource: query.get('resource'),
        token_type: 'Bearer',
      })
    }
    const [, account, what] = /^\/computeMetadata\/v1\/instance\/service-accounts\/([^/]+)\/(identity|token|email)$/.exec(path) ?? []
    if (account && gcp) {
      if (headers['metadata-flavor'] !== 'Google') return plain(403, 'Missing Metadata-Flavor:Google header.')
      if (what === 'email') return plain(200, gcp.email ?? 'default', flavor)
      if (what === 'identity')
        return query.get('audience')
          ? plain(200, await gcp.identity(query.get('audience')!), flavor)
          : plain(400, 'non-empty audience parameter required', flavor)
      return gcp.access
        ? json(200, { access_token: gcp.access(), expires_in: 3599, token_type: 'Bearer' }, flavor)
        : plain(404, 'not found', flavor)
    }
    if (path === '/latest/api/token' && aws) {
      if (method !== 'PUT' || !headers['x-aws-ec2-metadata-token-ttl-seconds']) return plain(400, 'Bad Request')
      const token = randomBytes(20).toString('base64url')
      v2.add(token)
      return plain(200, token)
    }
    const isV2 = v2.has(String(headers['x-aws-ec2-metadata-token']))
    const credentials = (): Said => {
      const { id, secret, sessionToken, endsMs } = aws!.session()
      return json(200, {
        Code: 'Success',
        Type: 'AWS-HMAC',
        AccessKeyId: id,
        SecretAccessKey: secret,
        Token: sessionToken,
        Expiration: new Date(endsMs).toISOString(),
      })
    }
    if (path.startsWith('/latest/') && aws && !isV2) return plain(401, 'Unauthorized')
    if (path === '/latest/meta-data/placement/region' && aws) return plain(200, aws.region)
    if (path === '/latest/meta-data/iam/security-credentials/' && aws) return plain(200, aws.role)
    if (path === `/latest/meta-data/iam/security-credentials/${aws?.role}`) return credentials()
    if (path === '/v1/credentials' && aws)
      return headers.authorization === podToken ? credentials() : json(401, { message: 'Service account token cannot be verified' })
    return plain(404, 'not found')
  }, at)
  return { server, url: server.url, close: server.close }
}
