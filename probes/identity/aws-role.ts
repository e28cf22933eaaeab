/** The keys of the role that a pod (EKS pod identity) or an instance (IMDSv2) has. */
import type { TokenPlan } from '../../judge/federation/token-plan.ts'
import { isObject, readJson } from '../../judge/spiffe/json.ts'
import { unmeasured } from '../finding.ts'
import type { Ask } from './ask.ts'
import { Secret } from './secret.ts'
import { readTextFile } from './text-file.ts'
import { askFor, type Got, missing, type Token } from './token.ts'

type Plan = Extract<TokenPlan, { kind: 'aws' }>

export const readAwsRole = async (plan: Plan, ask: Ask, signal: AbortSignal): Promise<Got<Token>> => {
  const role = await (plan.pod ? readPod(plan.pod, ask, signal) : readInstance(plan.instance, ask, signal))
  return 'got' in role && role.got.form === 'aws_credentials' ? { got: { ...role.got, verificationUrl: plan.verificationUrl } } : role
}

/** EKS Pod Identity: the agent on the node wants the pod's own token, which is in a file. */
const readPod = async ({ url, tokenFile }: NonNullable<Plan['pod']>, ask: Ask, signal: AbortSignal): Promise<Got<Token>> => {
  const file = tokenFile === undefined ? undefined : readTextFile(tokenFile)
  if (file && 'error' in file)
    return /permission/.test(file.error)
      ? { outcome: unmeasured('local_permission', `${tokenFile}: ${file.error}`) }
      : missing(`${tokenFile}: ${file.error}`)
  const reply = await askFor({ url, headers: file ? { authorization: file.text.trim() } : {} }, ask, signal)
  return 'outcome' in reply ? reply : keysFrom(reply.body, 'EKS pod identity', null)
}

/** IMDSv2 (EC2 User Guide, "Use IMDSv2"): a session token by PUT, then the role's name and its keys. */
const readInstance = async (base: URL, ask: Ask, signal: AbortSignal): Promise<Got<Token>> => {
  const session = await askFor(
    { url: new URL('/latest/api/token', base), method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } },
    ask,
    signal,
  )
  if ('outcome' in session) return session
  const headers = { 'x-aws-ec2-metadata-token': session.body.trim() }
  const list = '/latest/meta-data/iam/security-credentials/'
  const [region, role] = await Promise.all([
    askFor({ url: new URL('/latest/meta-data/placement/region', base), headers }, ask, signal),
    askFor({ url: new URL(list, base), headers }, ask, signal),
  ])
  if ('outcome' in role) return role
  const name = role.body.trim().split('\n')[0]!
  const reply = await askFor({ url: new URL(`${list}${encodeURIComponent(name)}`, base), headers }, ask, signal)
  if ('outcome' in reply) return reply
  return keysFrom(
    reply.body,
    `EC2 instance role ${name.slice(0, 64)}`,
    'outcome' in region || !/^[a-z0-9-]{1,32}$/.test(region.body.trim()) ? null : region.body.trim(),
  )
}

const keysFrom = (body: string, source: string, region: string | null): Got<Token> => {
  const read = readJson(body, 8)
  const object = read.ok && isObject(read.value) ? read.value : {}
  const { AccessKeyId: id, SecretAccessKey: secret, Token: session, Expiration: end } = object
  if (typeof id !== 'string' || typeof secret !== 'string') return missing(`${source}: no keys in its answer`)
  const endsMs = typeof end === 'string' ? Date.parse(end) : Number.NaN
  const keys = { accessKeyId: id, secretKey: new Secret(secret), ...(typeof session === 'string' && { sessionToken: new Secret(session) }) }
  return { got: { source, form: 'aws_credentials', keys, region, endsMs: Number.isNaN(endsMs) ? null : endsMs } }
}
