/** AWS as far as a federated credential needs it: STS with its XML, an account with OIDC providers and roles, and S3 that checks signatures. */
import { randomBytes, randomUUID } from 'node:crypto'
import { type Asked, type CloudAt, escapeXml, type Said, startCloudServer, xml } from './cloud-http.ts'
import { audiencesOf, type Claims, decode, verifySignature } from './cloud-verify.ts'
import { verifySigV4 } from './sigv4.ts'

/** `sub` may have * and ?, as StringLike has them. */
export type AwsRole = { arn: string; trusts: { issuer: string; sub?: string; aud?: string }[]; buckets?: string[]; maxSeconds?: number }
export type AwsAccount = {
  providers: { issuer: string; clientIds: string[] }[]
  roles: AwsRole[]
  disabled?: boolean
  throttled?: boolean
  broken?: boolean
}
type Session = { secret: string; sessionToken: string; arn: string; role: string; endsMs: number }
export type Aws = Awaited<ReturnType<typeof startAws>>

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
const least = 900
const takes = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']

const failure = (status: number, code: string, message: string, type = 'Sender'): Said => {
  const id = randomUUID()
  const body = `<ErrorResponse xmlns="${namespace}">\n  <Error>\n    <Type>${type}</Type>\n    <Code>${code}</Code>\n    <Message>${escapeXml(message)}</Message>\n  </Error>\n  <RequestId>${id}</RequestId>\n</ErrorResponse>\n`
  return xml(status, body, { 'x-amzn-requestid': id })
}

const result = (action: string, inner: string): Said => {
  const id = randomUUID()
  const body = `<${action}Response xmlns="${namespace}"><${action}Result>${inner}</${action}Result><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></${action}Response>`
  return xml(200, body, { 'x-amzn-requestid': id })
}

/** StringLike of IAM policies. */
const isLike = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text)

const bare = (issuer: string): string => issuer.replace(/^https?:\/\//, '')

const sessions = () => {
  const known = new Map<string, Session>()
  return {
    find: (id: string, nowMs: number): Session | undefined => {
      const session = known.get(id)
      return session && session.endsMs > nowMs ? session : undefined
    },
    open: (role: string, name: string, seconds: number, nowMs: number): Session & { id: string } => {
      const [, , , , account = ''] = role.split(':')
      const arn = `arn:aws:sts::${account}:assumed-role/${role.split('/').at(-1)}/${name}`
      const session = {
        secret: randomBytes(30).toString('base64'),
        sessionToken: randomBytes(150).toString('base64'),
        arn,
        role,
        endsMs: nowMs + 1000 * seconds,
      }
      const id = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`
      known.set(id, session)
      return { id, ...session }
    },
  }
}

export const startAws = async (account: AwsAccount, { now = Date.now, ...at }: CloudAt & { now?: () => number } = {}) => {
  const open = sessions()
  const findKey = (id: string) => open.find(id, now())

  const assume = async (form: URLSearchParams): Promise<Said> => {
    const seconds = Number(form.get('DurationSeconds') ?? 3600)
    const role = account.roles.find(({ arn }) => arn === form.get('RoleArn'))
    const name = form.get('RoleSessionName') ?? ''
    if (!/^[\w+=,.@-]{2,64}$/.test(name))
      return failure(400, 'ValidationError', "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint")
    if (!(seconds >= least && seconds <= (role?.maxSeconds ?? 3600)))
      return failure(400, 'ValidationError', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.')
    const text = form.get('WebIdentityToken') ?? ''
    const token = decode(text)
    if (!token || !takes.includes(token.alg) || !token.claims.sub)
      return failure(
        400,
        'InvalidIdentityToken',
        'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
      )
    const { claims } = token
    const provider = account.providers.find(({ issuer }) => issuer === claims.iss)
    if (!provider) return failure(400, 'InvalidIdentityToken', `No OpenIDConnect provider found in your account for ${claims.iss}`)
    if (!audiencesOf(claims).some(one => provider.clientIds.includes(one)))
      return failure(400, 'InvalidIdentityToken', 'Incorrect token audience')
    const second = Math.floor(now() / 1000)
    if (claims.exp <= second)
      return failure(
        400,
        'ExpiredTokenException',
        `Token expired: current date/time ${second} must be before the expiration date/time ${claims.exp}`,
      )
    const fault = await verifySignature(text, claims.iss, takes)
    if (fault === 'bad signature')
      return failure(
        400,
        'InvalidIdentityToken',
        'The web identity token that was passed could not be validated by AWS. Get a new identity token from the identity provider and then retry the request.',
      )
    if (fault)
      return failure(
        400,
        'InvalidIdentityToken',
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
      )
    if (!role?.trusts.some(one => trusts(one, claims)))
      return failure(403, 'AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity')
    const session = open.open(role.arn, name, seconds, now())
    return result(
      'AssumeRoleWithWebIdentity',
      `<SubjectFromWebIdentityToken>${escapeXml(claims.sub)}</SubjectFromWebIdentityToken><Audience>${escapeXml(audiencesOf(claims)[0]!)}</Audience><AssumedRoleUser><Arn>${session.arn}</Arn><AssumedRoleId>AROAEXAMPLE:${name}</AssumedRoleId></AssumedRoleUser><Credentials><SessionToken>${session.sessionToken}</SessionToken><SecretAccessKey>${session.secret}</SecretAccessKey><Expiration>${new Date(session.endsMs).toISOString()}</Expiration><AccessKeyId>${session.id}</AccessKeyId></Credentials><Provider>arn:aws:iam::${role.arn.split(':')[4]}:oidc-provider/${bare(claims.iss)}</Provider>`,
    )
  }

  const whoAmI = (asked: Asked): Said => {
    const who = verifySigV4({ ...asked, headers: asked.headers as Record<string, string> }, 'sts', findKey, now())
    if ('error' in who) return failure(403, who.error, 'The security token included in the request is invalid')
    const { arn, role } = open.find(who.accessKeyId, now())!
    return result('GetCallerIdentity', `<Arn>${arn}</Arn><UserId>AROAEXAMPLE:s</UserId><Account>${role.split(':')[4]}</Account>`)
  }

  const s3 = (asked: Asked): Said => {
    const id = randomBytes(8).toString('hex').toUpperCase()
    const say = (status: number, code: string, message: string): Said =>
      xml(
        status,
        `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>${id}</RequestId></Error>`,
        { 'x-amz-request-id': id },
      )
    const who = verifySigV4({ ...asked, headers: asked.headers as Record<string, string> }, 's3', findKey, now())
    if ('error' in who) return say(403, who.error, 'The request is not signed as it should be')
    const role = account.roles.find(({ arn }) => arn === open.find(who.accessKeyId, now())!.role)
    const bucket = asked.path.split('/')[1] ?? ''
    if (!role?.buckets?.includes(bucket))
      return say(
        403,
        'AccessDenied',
        `User: ${open.find(who.accessKeyId, now())!.arn} is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::${bucket}"`,
      )
    return xml(200, `<ListBucketResult><Name>${bucket}</Name><KeyCount>0</KeyCount></ListBucketResult>`, { 'x-amz-request-id': id })
  }

  const server = await startCloudServer(asked => {
    if (asked.headers.authorization?.includes('/s3/')) return s3(asked)
    const form = new URLSearchParams(asked.method === 'POST' && asked.body ? asked.body : asked.query)
    if (account.broken) return failure(503, 'ServiceUnavailable', 'Service is unavailable', 'Receiver')
    if (account.throttled) return failure(400, 'Throttling', 'Rate exceeded')
    if (account.disabled)
      return failure(
        403,
        'RegionDisabledException',
        'STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.',
      )
    if (form.get('Action') === 'GetCallerIdentity') return whoAmI(asked)
    if (form.get('Action') === 'AssumeRoleWithWebIdentity' && form.get('Version') === '2011-06-15') return assume(form)
    return failure(400, 'InvalidAction', `Could not find operation ${form.get('Action')}`)
  }, at)
  return {
    server,
    url: server.url,
    account,
    close: server.close,
    /** What a pod or an instance gets without a token. */
    session: (role: string, name = 'i-0123456789abcdef0') => open.open(role, name, 3600, now()),
    /** For who verifies a signed GetCallerIdentity by passing it on. */
    whoAmI,
  }
}

const trusts = ({ issuer, sub, aud }: AwsRole['trusts'][number], claims: Claims): boolean =>
  issuer === claims.iss && (sub === undefined || isLike(sub, claims.sub)) && (aud === undefined || audiencesOf(claims).includes(aud))
