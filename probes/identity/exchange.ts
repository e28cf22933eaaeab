/** The exchanges: one request each, for a credential of 15 minutes at most, which only the rest of the run sees. */
import {
  type Answer,
  type Credential,
  type Read,
  readAwsAnswer,
  readCallerIdentity,
  readEntraAnswer,
  readGoogleStsAnswer,
  readImpersonationAnswer,
} from '../../judge/federation/answers.ts'
import type { AwsSettings, AzureSettings, GcpSettings } from '../../judge/federation/settings.ts'
import type { Outcome } from '../../wire/result.ts'
import type { Ask, Question } from './ask.ts'
import { type AwsKeys, signCallerIdentity } from './aws-request.ts'
import type { Secret } from './secret.ts'

/** What the service answered, with its status; or why it did not. */
export type Exchanged = { endpoint: string; status: number; read: Read } | { endpoint: string; outcome: Outcome }

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const jsonType = { 'content-type': 'application/json' }
/** The least that AWS STS gives. */
const awsSeconds = 900
const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform'
/** Enough for one call. */
const googleLifetime = '300s'

const exchangeBy = async (question: Question, ask: Ask, signal: AbortSignal, read: (answer: Answer) => Read): Promise<Exchanged> => {
  const endpoint = question.url.host
  const reply = await ask({ method: 'POST', ...question }, signal)
  return 'outcome' in reply ? { endpoint, outcome: reply.outcome } : { endpoint, status: reply.answer.status, read: read(reply.answer) }
}

/** AssumeRoleWithWebIdentity, unsigned (STS API reference). */
export const assumeRole = (
  { url, roleArn, sessionName }: AwsSettings,
  token: Secret,
  ask: Ask,
  signal: AbortSignal,
): Promise<Exchanged> => {
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: roleArn ?? '',
    RoleSessionName: sessionName,
    DurationSeconds: String(awsSeconds),
    WebIdentityToken: token.reveal(),
  })
  return exchangeBy({ url, headers: form, body: body.toString() }, ask, signal, readAwsAnswer)
}

/** Who a role's own keys are: GetCallerIdentity, which nobody can be denied. */
export const askCallerIdentity = async (
  { url }: AwsSettings,
  keys: AwsKeys,
  region: string,
  endsMs: number | null,
  ask: Ask,
  signal: AbortSignal,
): Promise<Exchanged> => {
  const { question } = await signCallerIdentity(keys, region, `${url.origin}/?Action=GetCallerIdentity&Version=2011-06-15`)
  return exchangeBy(question, ask, signal, answer => readCallerIdentity(answer, { kind: 'aws', ...keys, endsMs }))
}

/** OAuth 2.0 client credentials with a JWT assertion (RFC 7523 §2.2), as Entra takes it. */
export const assertClient = (
  { url, tenantId, clientId, scope }: AzureSettings,
  token: Secret,
  ask: Ask,
  signal: AbortSignal,
  nowMs: number,
): Promise<Exchanged> => {
  const body = new URLSearchParams({
    client_id: clientId,
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token.reveal(),
    scope,
  })
  const endpoint = new URL(`${url.pathname.replace(/\/?$/, '/')}${tenantId}/oauth2/v2.0/token`, url)
  return exchangeBy({ url: endpoint, headers: form, body: body.toString() }, ask, signal, answer => readEntraAnswer(answer, nowMs))
}

/** OAuth 2.0 token exchange (RFC 8693) at Google STS. */
export const exchangeAtGoogle = (
  { url, provider, subjectTokenType }: GcpSettings,
  subjectToken: string,
  ask: Ask,
  signal: AbortSignal,
  nowMs: number,
): Promise<Exchanged> => {
  const body = JSON.stringify({
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: provider,
    scope: cloudPlatform,
    requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    subjectToken,
    subjectTokenType,
  })
  return exchangeBy({ url, headers: jsonType, body }, ask, signal, answer => readGoogleStsAnswer(answer, nowMs))
}

/** generateAccessToken of IAM credentials. */
export const impersonate = (url: URL, bearer: Secret, ask: Ask, signal: AbortSignal): Promise<Exchanged> => {
  const headers = { ...jsonType, authorization: `Bearer ${bearer.reveal()}` }
  return exchangeBy(
    { url, headers, body: JSON.stringify({ scope: [cloudPlatform], lifetime: googleLifetime }) },
    ask,
    signal,
    readImpersonationAnswer,
  )
}

export type { Credential }
