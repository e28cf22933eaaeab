import type { Cloud } from './options-federation.ts'
import type { FailReason } from './reasons.ts'

/** The links of the chain, in the order in which they are walked. */
export const federationSteps = ['token', 'claims', 'issuer', 'signature', 'exchange', 'impersonation', 'call'] as const
export type FederationStepName = (typeof federationSteps)[number]

/** One link: what was seen there, and how long it took. `skipped`: it does not apply, or an earlier link made it pointless. */
export type FederationStep = {
  step: FederationStepName
  verdict: 'ok' | 'fail' | 'skipped'
  reason?: FailReason
  detail: string
  ms: number
}

/** What our token says of itself; never the token. */
export type TokenFacts = {
  /** Where it came from, in words. */
  source: string
  form: 'jwt' | 'aws_request' | 'aws_credentials' | 'access_token'
  issuer: string | null
  subject: string | null
  audiences: string[]
  /** ISO 8601, UTC. */
  issuedAt: string | null
  expiresAt: string | null
  /** How much of its life is over, 0 to 1. */
  lifeUsed: number | null
  algorithm: string | null
  keyId: string | null
}

/** What a cloud said: its code and its identifiers, for a ticket with its support. */
export type CloudAnswer = {
  endpoint: string
  status: number | null
  code: string | null
  /** In the cloud's own words, shortened, and without anything that looks like a secret. */
  message: string | null
  requestId: string | null
  correlationId?: string
}

/** What the fixes name: as it was configured, and no secret. */
export type FederationWanted = {
  audiences: string[]
  issuer?: string
  subject?: string
  roleArn?: string
  region?: string
  tenantId?: string
  clientId?: string
  provider?: string
  serviceAccount?: string
}

export type FederationMeasured = {
  cloud: Cloud | null
  /** The cloud that the token's issuer belongs to, where its name tells. */
  from: Cloud | null
  token: TokenFacts | null
  wanted: FederationWanted
  /** Our own verdict on the token, kept beside the cloud's. */
  local: { reason: FailReason; detail: string } | null
  /** The cloud's verdict, where it was asked: the answer of the last link but the call. */
  answer: CloudAnswer | null
  /** Who we are there. */
  identity: string | null
  /** Until the credential ends that was obtained, and thrown away. */
  secondsLeft: number | null
  call: (CloudAnswer & { preset: string; method: string }) | null
  steps: FederationStep[]
}
