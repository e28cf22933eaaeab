/** Why a federated credential is not obtained, or not good for the call: which link broke, on whose side, and which line of which policy to change. */
import type { Cause, Diagnosis, Fix } from '../../wire/causes.ts'
import type { FederationMeasured } from '../../wire/measured-federation.ts'
import { type FailReason, layerOfReason, type WarningCode } from '../../wire/reasons.ts'
import type { Result, Target } from '../../wire/result.ts'
import { causeOfReason } from './explain-reason.ts'
import { type FederationFacts, factsOf } from './federation-facts.ts'
import { fixAws } from './fix-aws.ts'
import { fixAzure } from './fix-azure.ts'
import { fixGcp } from './fix-gcp.ts'
import { fixIssuer, fixKeys, fixMissingToken, fixProjection, fixStaleToken, fixWorkload } from './fix-token.ts'
import { buildDiagnosis, buildRun, capital, clean, fix, listFacts } from './say.ts'
import { saidOf } from './say-federation.ts'
import { reasonOf, type Seen, sayDetail, textOf } from './seen.ts'

const cloudNames = { aws: 'AWS', azure: 'Azure', gcp: 'GCP' } as const
const byCloud = { aws: fixAws, azure: fixAzure, gcp: fixGcp } as const

/** Repairs that are the same whichever cloud was asked. */
const ours: Partial<Record<FailReason, (facts: FederationFacts) => Fix[]>> = {
  token_missing: fixMissingToken,
  token_malformed: facts => [fixProjection(facts), ...fixMissingToken(facts).slice(0, 1)],
  token_expired: fixStaleToken,
  token_expiring: fixStaleToken,
  issuer_unreachable: fixIssuer,
  discovery_invalid: fixIssuer,
  key_not_in_jwks: fixKeys,
  signature_invalid: fixKeys,
}

const waiting = (facts: FederationFacts): Fix[] => [
  fix('nothing to change here: ask again in a minute', `probe run federation://${facts.cloud ?? 'CLOUD'}`),
]

const fixesOf = (reason: FailReason, facts: FederationFacts): Fix[] => {
  const own = facts.cloud === null ? undefined : byCloud[facts.cloud][reason]
  const more = /^subject|^no_match/.test(reason) ? fixWorkload(facts) : []
  return [...(own ?? ours[reason] ?? waiting)(facts), ...more]
}

const isFederation = (result: unknown): result is Result<'federation'> => (result as Result | undefined)?.kind === 'federation'
const findFederation = (seen: Seen): Result<'federation'> | undefined => [...seen.open].find(isFederation)
const runAgain = (target: Target, { cloud }: Partial<FederationMeasured>, options = ''): string =>
  buildRun({ host: cloud ?? target.host }, 'federation', options)

/** What was seen at each link that was walked, and the two verdicts. */
const evidenceOf = (result: Result<'federation'>): string[] => {
  const { token, local, answer, steps = [] } = result.measured
  const walked = steps.filter(({ verdict }) => verdict === 'ok').map(({ step }) => step)
  return listFacts(
    sayDetail(result),
    token?.issuer &&
      `the token: issuer ${clean(token.issuer)}, subject ${clean(token.subject ?? 'none')}, audience ${clean(token.audiences.join(', '))}`,
    local && !sayDetail(result).startsWith(clean(local.detail)) && `our own check: ${clean(local.detail)}`,
    answer?.requestId &&
      `for a ticket: request ${clean(answer.requestId)}${answer.correlationId ? `, correlation ${clean(answer.correlationId)}` : ''}`,
    walked.length > 0 && `good until then: ${walked.join(', ')}`,
  )
}

const againstOf = (result: Result<'federation'>, reason: FailReason): string[] => {
  const { local, answer, steps = [] } = result.measured
  const keysGood = steps.some(({ step, verdict }) => step === 'signature' && verdict === 'ok')
  return listFacts(
    reason === 'issuer_unreachable' &&
      keysGood &&
      'its keys can be fetched from here, and the signature holds: what is closed is the way from the cloud, or its wait of five seconds was over',
    reason === 'issuer_unreachable' && !answer?.code && 'the cloud asks from elsewhere and may reach it',
    reason === 'subject_mismatch_or_policy' && 'a role that does not exist, and an organisation policy, are answered in the same way',
    local === null &&
      answer?.code !== null &&
      answer !== null &&
      layerOfReason(reason) === 'federation' &&
      'our own check of the token found nothing wrong, so it is on the side of the cloud',
    reason === 'no_match' && 'for some minutes after a change this is how a good credential is answered too',
  )
}

const general: readonly FailReason[] = ['subject_mismatch_or_policy', 'no_match', 'claim_rejected', 'cloud_error', 'target_missing']

/** A link broke, and it is not the network. */
export const explainFederation = (seen: Seen): Diagnosis | undefined => {
  const result = findFederation(seen)
  const reason = reasonOf(result)
  if (!result || !reason || layerOfReason(reason) !== 'federation') return undefined
  const facts = factsOf(result.measured)
  const cloud = facts.cloud === null ? 'the cloud' : cloudNames[facts.cloud]
  const said = saidOf[reason]?.(facts, cloud) ?? textOf(reason)
  return buildDiagnosis(causeFor(reason, result), {
    confidence: general.includes(reason) ? 'likely' : 'certain',
    summary: `${capital(said)}.`,
    evidence: evidenceOf(result),
    against: againstOf(result, reason),
    fixes: fixesOf(reason, facts),
    next: runAgain(result.target, result.measured),
  })
}

/** A token that is not yet valid, or was refused for its times, is a matter of clocks; the rest goes by the reason. */
const causeFor = (reason: FailReason, result: Result<'federation'>): Cause =>
  reason === 'claim_rejected' && /a clock is wrong/.test(sayDetail(result)) ? 'federation_token_stale' : causeOfReason[reason]

/** A service of the chain can't be reached, or answers as none: what that means is what it means anywhere, and whom it hits is said. */
export const explainCloudEndpoint = (seen: Seen): Diagnosis | undefined => {
  const result = findFederation(seen)
  const reason = reasonOf(result)
  if (!result || !reason || layerOfReason(reason) === 'federation') return undefined
  const { call, answer } = result.measured
  const endpoint = clean(call?.endpoint ?? answer?.endpoint ?? result.target.host)
  return buildDiagnosis(causeOfReason[reason], {
    confidence: 'likely',
    summary: `The token is not what is wrong: ${endpoint} does not answer as it should (${textOf(reason)}).`,
    evidence: evidenceOf(result),
    against: listFacts('a proxy that this network wants for the way out is never used by a probe'),
    fixes: [
      fix(
        'this network: is HTTPS to that host allowed out?',
        `curl -sS -m 5 -o /dev/null -w '%{http_code}\\n' https://${endpoint.replace(/^https?:\/\//, '').replace(/[^\w.:/-].*$/, '')}`,
      ),
    ],
    next: runAgain(result.target, result.measured, '--output json'),
  })
}

const practices: readonly [WarningCode, Cause, string][] = [
  ['token_expiring', 'federation_token_stale', 'It works, and the token should have been renewed by now: soon it will not'],
  [
    'audience_foreign',
    'federation_audience',
    "It works, and the token is for another cloud's audience: whoever gets hold of it there can use it here",
  ],
  ['audience_several', 'federation_audience', 'It works, and one token is for several audiences: each of them can use it at the others'],
  [
    'subject_wildcard',
    'federation_subject',
    'It works, and the policy lets in more subjects than this one: whoever may create a service account of a matching name gets in',
  ],
  [
    'local_check_differs',
    'federation_token_stale',
    'The cloud took the token, and it does not pass our own check: what holds there may not hold tomorrow',
  ],
]

/** It works and is not good practice. */
export const explainPractice = (seen: Seen): Diagnosis | undefined => {
  const result = seen.results.find(isFederation)
  if (result?.outcome.kind !== 'ok') return undefined
  const practice = practices.find(([code]) => result.warnings.some(warning => warning.code === code))
  if (!practice) return undefined
  const [, cause, summary] = practice
  const facts = factsOf(result.measured)
  const audience = [fixProjection(facts)]
  const subject = facts.cloud === null ? [] : (byCloud[facts.cloud].subject_mismatch?.(facts) ?? [])
  return buildDiagnosis(cause, {
    confidence: 'certain',
    summary: `${summary}.`,
    evidence: listFacts(...result.warnings.map(({ detail, code }) => clean(detail) || textOf(code as never))),
    against: [],
    fixes:
      cause === 'federation_audience' ? audience : cause === 'federation_subject' && subject.length > 0 ? subject : fixStaleToken(facts),
    next: runAgain(result.target, result.measured),
  })
}
