/** AWS STS as far as AssumeRoleWithWebIdentity goes (STS API reference): the token is verified by what its issuer publishes, then the role's trust policy decides. */
import { randomBytes, randomUUID } from 'node:crypto'
import { compactVerify, createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload } from 'jose'
import type { TrustPolicy } from './federated.ts'

/** Fetches a document of an issuer; rejects when there is none. */
export type FetchJson = (url: string) => Promise<unknown>
export type Answer = { status: number; body: string }
type Refusal = { status: number; code: string; message: string }
/** `now` in ms. */
export type Around = { policy: TrustPolicy; fetchJson: FetchJson; nowMs: number }

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
const lifeMs = 900_000

export const answerForm = async (form: URLSearchParams, around: Around): Promise<Answer> => {
  const refusal = await judge(form, around)
  return refusal ? refused(refusal) : granted(around)
}

const judge = async (form: URLSearchParams, { policy, fetchJson, nowMs }: Around): Promise<Refusal | undefined> => {
  if (form.get('Action') !== 'AssumeRoleWithWebIdentity')
    return { status: 400, code: 'InvalidAction', message: `Could not find operation ${form.get('Action')}` }
  const token = form.get('WebIdentityToken') ?? ''
  const claims = readClaims(token)
  if (!claims) return invalid('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)')
  if (claims.iss !== policy.issuer) return invalid(`No OpenIDConnect provider found in your account for ${claims.iss}`)
  if (![claims.aud].flat().includes(policy.audience)) return invalid('Incorrect token audience')
  const second = Math.floor(nowMs / 1000)
  if ((claims.exp ?? 0) <= second)
    return {
      ...{ status: 400, code: 'ExpiredTokenException' },
      message: `Token expired: current date/time ${second} must be before the expiration date/time ${claims.exp}`,
    }
  return (await judgeSignature(token, policy.issuer, fetchJson)) ?? judgeRole(form.get('RoleArn'), claims, policy)
}

/** A role that there is not is refused like one that does not trust the token. */
const judgeRole = (role: string | null, { sub }: JWTPayload, policy: TrustPolicy): Refusal | undefined =>
  role === policy.role && sub === policy.subject
    ? undefined
    : { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' }

const invalid = (message: string): Refusal => ({ status: 400, code: 'InvalidIdentityToken', message })

const readClaims = (token: string): JWTPayload | undefined => {
  try {
    return decodeJwt(token)
  } catch {
    return undefined
  }
}

const judgeSignature = async (token: string, issuer: string, fetchJson: FetchJson): Promise<Refusal | undefined> => {
  const unverified = invalid(
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
  )
  try {
    const { jwks_uri } = (await fetchJson(`${issuer}/.well-known/openid-configuration`)) as { jwks_uri: string }
    await compactVerify(token, createLocalJWKSet((await fetchJson(jwks_uri)) as JSONWebKeySet), { algorithms: ['RS256'] })
    return undefined
  } catch (error) {
    return error instanceof errors.JWSSignatureVerificationFailed
      ? invalid('The web identity token that was passed could not be validated by AWS.')
      : unverified
  }
}

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const refused = ({ status, code, message }: Refusal): Answer => ({
  status,
  body: `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>\n`,
})

/** Credentials that are good for nothing: no other service is there to take them. */
const granted = ({ policy: { role, subject, audience }, nowMs }: Around): Answer => {
  const arn = `${role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/causeway`
  const credentials = [
    `<SessionToken>${randomBytes(150).toString('base64')}</SessionToken><SecretAccessKey>${randomBytes(30).toString('base64')}</SecretAccessKey>`,
    `<Expiration>${new Date(nowMs + lifeMs).toISOString()}</Expiration><AccessKeyId>ASIA${randomBytes(8).toString('hex').toUpperCase()}</AccessKeyId>`,
  ].join('')
  const result = `<SubjectFromWebIdentityToken>${subject}</SubjectFromWebIdentityToken><Audience>${audience}</Audience><AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROASIMULATED:causeway</AssumedRoleId></AssumedRoleUser><Credentials>${credentials}</Credentials>`
  return {
    status: 200,
    body: `<AssumeRoleWithWebIdentityResponse xmlns="${namespace}"><AssumeRoleWithWebIdentityResult>${result}</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>\n`,
  }
}
