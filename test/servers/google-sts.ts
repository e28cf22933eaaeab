/** Google's STS: pools and providers, and what a subject token must be. */
import type { JSONWebKeySet } from 'jose'
import { type Asked, json, type Said } from './cloud-http.ts'
import { audiencesOf, type Claims, decode, verifySignature } from './cloud-verify.ts'
import { oauth } from './google-answers.ts'

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
/** Passes a signed GetCallerIdentity on to AWS. */
export type AskAws = (asked: Asked) => Said
export type StsOptions = {
  providers: () => readonly GoogleProvider[]
  now: () => number
  askAws?: AskAws
  issue: (principal: string, seconds: number) => string
}

const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const awsType = 'urn:ietf:params:aws:token-type:aws4_request'
/** Clocks may be so far apart (measured at the real STS). */
const skewSeconds = 60

const principalOf = ({ name }: GoogleProvider, subject: string): string =>
  `principal:${name.replace(/\/providers\/.*$/, '')}/subject/${subject}`

/** The subject that a token of ours stands for, or the refusal. */
const judgeJwt = async (text: string, provider: GoogleProvider, second: number): Promise<string | Said> => {
  const token = decode(text)
  if (!token?.kid) return oauth('invalid_grant', 'The given credential is not a valid OIDC ID token.')
  const { claims, alg } = token
  if (claims.iss !== provider.issuer)
    return oauth('invalid_grant', `The issuer in ID Token ${claims.iss} does not match the expected one in config: ${provider.issuer}.`)
  const wanted = provider.allowedAudiences ?? [provider.name, `https:${provider.name}`]
  if (!audiencesOf(claims).some(one => wanted.includes(one)))
    return oauth('invalid_grant', `The audience in ID Token [${audiencesOf(claims).join(', ')}] does not match the expected audience.`)
  const { iat = null } = claims
  if (iat === null || iat > second + skewSeconds || !(claims.exp > second - skewSeconds))
    return oauth('invalid_grant', `ID Token issued at ${iat} is stale to sign-in.`)
  const algorithms = ['RS256', 'ES256'].filter(one => one === alg)
  const fault = await verifySignature(text, claims.iss, algorithms, provider.jwks)
  // A key that is not in the set is told in the same words as an issuer that can't be reached.
  if (fault === 'unreachable' || fault === 'no key') return oauth('invalid_grant', "Error connecting to the given credential's issuer.")
  if (fault) return oauth('invalid_grant', 'Unable to verify the ID Token signature.')
  if (!claims.sub || (provider.condition && !provider.condition(claims)))
    return oauth('unauthorized_client', 'The given credential is rejected by the attribute condition.')
  return claims.sub
}

const judgeAws = (text: string, provider: GoogleProvider, askAws?: AskAws): string | Said => {
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

export const exchangeToken = async ({ body, headers }: Asked, { providers, now, askAws, issue }: StsOptions): Promise<Said> => {
  const given = headers['content-type']?.includes('json')
    ? (JSON.parse(body) as Record<string, string>)
    : Object.fromEntries(new URLSearchParams(body))
  const read = (snake: string, camel: string): string => given[snake] ?? given[camel] ?? ''
  const audience = given['audience'] ?? ''
  if (headers.authorization) return oauth('invalid_request', 'This endpoint takes no Authorization header.')
  if (read('grant_type', 'grantType') !== grant) return oauth('invalid_request', 'Invalid value for "grant_type".')
  if (!/^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\//.test(audience))
    return oauth(
      'invalid_request',
      'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.',
    )
  const provider = providers().find(({ name }) => name === audience)
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
  const subject = provider.issuer ? await judgeJwt(text, provider, Math.floor(now() / 1000)) : judgeAws(text, provider, askAws)
  if (typeof subject !== 'string') return subject
  return json(200, {
    access_token: issue(principalOf(provider, subject), 3600),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 3600,
  })
}
