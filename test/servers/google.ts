/** Google: STS, IAM credentials, Cloud Storage and Vertex AI, as far as a federated credential needs them. */
import { randomBytes } from 'node:crypto'
import { type Asked, type CloudAt, json, type Said, startCloudServer } from './cloud-http.ts'
import { rpc, unauthenticated } from './google-answers.ts'
import { type AskAws, exchangeToken, type GoogleProvider } from './google-sts.ts'

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
  const sts = {
    providers: () => project.providers,
    now,
    askAws,
    issue: (principal: string, seconds: number) => issue(principal, seconds, true),
  }
  const bearerOf = ({ headers }: Asked): Held | undefined => {
    const [, text = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? []
    const found = held.get(text)
    return found && found.endsMs > now() ? found : undefined
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
    if (method === 'POST' && path === '/v1/token') return exchangeToken(asked, sts)
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
