/**
 * Asks the API server of the controller's own cluster whether a projected token is good (Kubernetes API reference, TokenReview v1). It also knows of tokens
 * whose pod or service account is gone, which no key tells, and its keys need not be reachable from elsewhere.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { isObject } from '../../judge/spiffe/json.ts'
import { readToken } from '../../judge/spiffe/token.ts'
import { Secret } from '../../wire/secret.ts'
import { quote } from '../../wire/values.ts'
import { readBody } from './fetch-text.ts'
import { judgeReview } from './judge-review.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Verified } from './verify-token.ts'

export type ReviewExpectation = { audience: string; nowMs: number }
export type TokenReview = {
  /** Whose tokens it can review: the `iss` of the controller's own. Undefined when that cannot be read. */
  issuer(): Promise<string | undefined>
  verify(token: Secret, expected: ReviewExpectation): Promise<Verified | Refusal>
  close(): Promise<void>
}

/** `directory`: with `token` and `ca.crt`, as it is mounted into every pod. */
export type ApiServer = { url: string; directory: string }
export type TokenReviewOptions = ApiServer & { timeoutMs?: number }

const path = '/apis/authentication.k8s.io/v1/tokenreviews'
/** A review repeats the token and has a few names beside it. */
const maxBytes = 128 * 1024

/** The one of the cluster that the controller runs in; undefined when it runs in none (Kubernetes "Accessing the API from a Pod"). */
export const findApiServer = (
  environment: Readonly<Record<string, string | undefined>>,
  directory = '/var/run/secrets/kubernetes.io/serviceaccount',
): ApiServer | undefined => {
  const [host, port] = [environment['KUBERNETES_SERVICE_HOST'], environment['KUBERNETES_SERVICE_PORT'] ?? '443']
  return host ? { url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, directory } : undefined
}

export const openTokenReview = ({ url, directory, timeoutMs = 5000 }: TokenReviewOptions): TokenReview => {
  // Both files change while the controller runs: the token within the hour.
  const readOwn = async (): Promise<Secret> => new Secret((await readFile(join(directory, 'token'), 'utf8')).trim())
  let reached: { ca: string; agent: Agent } | undefined
  const reach = async (): Promise<Agent> => {
    const ca = await readFile(join(directory, 'ca.crt'), 'utf8')
    if (reached?.ca === ca) return reached.agent
    const former = reached?.agent
    // Seldom enough for a connection each: one that was kept may be gone, and a POST is not sent twice.
    reached = { ca, agent: new Agent({ connect: { ca }, pipelining: 0 }) }
    // Who still waits for an answer gets it.
    void former?.close().catch(() => {})
    return reached.agent
  }
  const post = async (token: Secret, audience: string): Promise<unknown> => {
    const [own, dispatcher] = [await readOwn(), await reach()]
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: token.reveal(), audiences: [audience] } }
    const answer = await request(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${own.reveal()}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(review),
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher,
    })
    const text = await readBody(answer.body, maxBytes)
    if (answer.statusCode !== 201 && answer.statusCode !== 200) throw new Error(sayStatus(answer.statusCode))
    return parseJson(text)
  }
  return {
    issuer: async () => {
      const own = await readOwn().catch(() => undefined)
      const read = own && readToken(own.reveal())
      return read?.ok && typeof read.token.claims['iss'] === 'string' ? read.token.claims['iss'] : undefined
    },
    verify: async (token, expected) => {
      const early = judgeBefore(token, expected)
      if (!early.ok) return early
      try {
        return judgeReview(await post(token, expected.audience), early.claims, expected.audience)
      } catch (error) {
        return refuse('issuer_unreachable', `the review of the token by the cluster's API server: ${sayError(error)}`)
      }
    },
    close: async () => await reached?.agent.close(),
  }
}

/** What the API server need not be asked for. Nothing is proved by it. */
const judgeBefore = (token: Secret, { audience, nowMs }: ReviewExpectation): Verified | Refusal => {
  const read = readToken(token.reveal())
  if (!read.ok) return refuse('proof_malformed', `the token ${read.problem}`)
  const { claims } = read.token
  const { aud, exp, sub } = claims
  if (![aud].flat().includes(audience)) return refuse('audience_mismatch', `the token is for another audience, want ${quote(audience)}`)
  if (typeof exp !== 'number' || typeof sub !== 'string' || sub === '')
    return refuse('claims_missing', 'the token has no usable "exp" or "sub"')
  if (exp * 1000 < nowMs - 10_000) return refuse('expired', 'the token has expired')
  return { ok: true, claims: claims as Verified['claims'] }
}

const parseJson = (text: string): unknown => {
  try {
    const document: unknown = JSON.parse(text)
    if (isObject(document)) return document
  } catch {}
  throw new Error('the answer is no JSON object')
}

const sayStatus = (status: number): string => {
  if (status === 401) return "the answer is 401: the controller's own token is not accepted, is it mounted anew when it is renewed?"
  if (status === 403)
    return "the answer is 403: the controller's service account may not create tokenreviews, bind it to the ClusterRole system:auth-delegator"
  return `the answer is ${status}, want 201`
}

/** Never what was sent: errors of the client name the address. */
const sayError = (error: unknown): string => {
  if (!(error instanceof Error)) return 'no answer'
  if (error.name === 'TimeoutError') return 'no answer in time'
  return error.message || (error as NodeJS.ErrnoException).code || 'no answer'
}
