/** Our token, from wherever it is: read or asked for anew in every run. */
import type { TokenPlan } from '../../judge/federation/token-plan.ts'
import type { Outcome } from '../../wire/result.ts'
import { unmeasured } from '../finding.ts'
import type { Ask } from './ask.ts'
import { readAwsRole } from './aws-role.ts'
import { Secret } from './secret.ts'
import { readTextFile } from './text-file.ts'
import { askFor, type Got, memberOf, missing, objectIn, type Token } from './token.ts'

/** Never rejects. A metadata service that does not answer is a place without a token. */
export const readToken = async (plan: TokenPlan, ask: Ask, signal: AbortSignal, nowMs: number): Promise<Got<Token>> => {
  switch (plan.kind) {
    case 'file':
      return readFile(plan)
    case 'url':
      return jwtFrom(`URL ${plan.url.origin}`, await askFor({ url: plan.url, headers: plan.headers }, ask, signal), plan.field)
    case 'azure':
      return readAzure(plan, ask, signal, nowMs)
    case 'gcp':
      return readGoogleIdentity(plan, ask, signal)
    case 'gcp_access':
      return readGoogleAccess(plan, ask, signal, nowMs)
    case 'aws':
      return readAwsRole(plan, ask, signal)
  }
}

const readFile = ({ path, field }: Extract<TokenPlan, { kind: 'file' }>): Got<Token> => {
  const shown = path.slice(0, 300)
  const read = readTextFile(path)
  if ('error' in read) {
    const own = /permission denied/.test(read.error)
    return own ? { outcome: unmeasured('local_permission', `${shown}: ${read.error}`) } : missing(`${shown}: ${read.error}`)
  }
  return jwtFrom(`file ${shown}`, { body: read.text }, field)
}

/** The text, or a member of a JSON object. */
const jwtFrom = (source: string, got: { body: string } | { outcome: Outcome }, field?: string): Got<Token> => {
  if ('outcome' in got) return got
  const text = field === undefined ? got.body.trim() : memberOf(got.body, field)
  if (text === undefined || text === '')
    return missing(`${source}: ${field === undefined ? 'is empty' : `no member ${JSON.stringify(field.slice(0, 80))} in its JSON`}`)
  return { got: { source, form: 'jwt', text: new Secret(text) } }
}

/** Azure IMDS (managed identity). Its token is a JWT for a resource, which for others is an audience. */
const readAzure = async (
  { url, resource, clientId, native }: Extract<TokenPlan, { kind: 'azure' }>,
  ask: Ask,
  signal: AbortSignal,
  nowMs: number,
): Promise<Got<Token>> => {
  const asked = new URL(url)
  asked.search = new URLSearchParams({ 'api-version': '2018-02-01', resource, ...(clientId && { client_id: clientId }) }).toString()
  const reply = await askFor({ url: asked, headers: { metadata: 'true' } }, ask, signal)
  if ('outcome' in reply) return reply
  const text = memberOf(reply.body, 'access_token')
  if (!text) return missing(`${url.origin}: no access_token in its answer`)
  const source = `Azure managed identity${clientId ? ` ${clientId}` : ''}, for ${resource}`
  if (!native) return { got: { source, form: 'jwt', text: new Secret(text) } }
  const seconds = Number(objectIn(reply.body)?.['expires_in'])
  return { got: { source, form: 'access_token', text: new Secret(text), endsMs: Number.isFinite(seconds) ? nowMs + 1000 * seconds : null } }
}

const flavor = { 'metadata-flavor': 'Google' }
const account = '/computeMetadata/v1/instance/service-accounts/default'

const readGoogleIdentity = async (
  { url, audience }: Extract<TokenPlan, { kind: 'gcp' }>,
  ask: Ask,
  signal: AbortSignal,
): Promise<Got<Token>> => {
  const asked = new URL(`${account}/identity`, url)
  asked.search = new URLSearchParams({ audience, format: 'full' }).toString()
  return jwtFrom('GCP metadata, identity token', await askFor({ url: asked, headers: flavor }, ask, signal))
}

const readGoogleAccess = async (
  { url }: Extract<TokenPlan, { kind: 'gcp_access' }>,
  ask: Ask,
  signal: AbortSignal,
  nowMs: number,
): Promise<Got<Token>> => {
  const reply = await askFor({ url: new URL(`${account}/token`, url), headers: flavor }, ask, signal)
  if ('outcome' in reply) return reply
  const text = memberOf(reply.body, 'access_token')
  if (!text) return missing(`${url.origin}: no access_token in its answer`)
  const seconds = Number(objectIn(reply.body)?.['expires_in'])
  const endsMs = Number.isFinite(seconds) ? nowMs + 1000 * seconds : null
  return { got: { source: 'GCP metadata, access token', form: 'access_token', text: new Secret(text), endsMs } }
}
