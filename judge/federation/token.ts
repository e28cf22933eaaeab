/** Our own check of a token, before any cloud is asked: what every cloud looks at first. Pure; the text is never repeated. */
import type { TokenFacts } from '../../wire/measured-federation.ts'
import type { Cloud } from '../../wire/options-federation.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Warning } from '../../wire/result.ts'
import { saySome } from '../spiffe/leaf.ts'
import { iso } from '../spiffe/path.ts'
import { audiencesOf, type Token } from '../spiffe/token.ts'

export type Finding = { reason: FailReason; detail: string }
export type TokenExpectation = { cloud: Cloud; nowMs: number; audiences: readonly string[]; issuer?: string; subject?: string }
export type TokenJudgement = {
  findings: Finding[]
  warnings: Warning[]
  facts: Omit<TokenFacts, 'source' | 'form'> /** Not even worth sending. */
  hopeless: boolean
}

/** What each cloud takes (AWS STS AssumeRoleWithWebIdentity; Entra: RS256 only; Google STS: RS256 and ES256). */
const algorithms: Record<Cloud, readonly string[]> = {
  aws: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
  azure: ['RS256'],
  gcp: ['RS256', 'ES256'],
}
/** Google: from issue to end (API model of STS, `subjectToken`). Longer ones have been seen to be taken all the same: the cloud's own answer decides. */
const googleMostMs = 48 * 3600_000
/** The kubelet renews a projected token at 80 % of its life (Kubernetes, "Service account token volume projection"). */
const renewedAt = 0.8
/** As far as clocks of machines under NTP may be apart. */
const skewMs = 60_000

/** The first finding decides; `hopeless` is a token that says nothing a cloud could judge, or that no cloud may see. */
export const judgeToken = ({ header, claims }: Token, expected: TokenExpectation): TokenJudgement => {
  const findings: Finding[] = []
  const note = (reason: FailReason, detail: string): void => void findings.push({ reason, detail })
  const alg = typeof header['alg'] === 'string' ? header['alg'] : null
  const kid = typeof header['kid'] === 'string' ? header['kid'] : null
  const [iss, sub] = [textOf(claims['iss']), textOf(claims['sub'])]
  const [exp, iat, nbf] = [timeOf(claims['exp']), timeOf(claims['iat']), timeOf(claims['nbf'])]
  const audiences = audiencesOf(claims['aud'])
  if (alg === null || !/^(RS|ES|PS)\d{3}$/.test(alg))
    note('token_malformed', `alg is ${alg === null ? 'missing' : saySome([alg])}: not a signature that a cloud can check`)
  if (iss === null) note('token_malformed', 'no iss: nobody has issued it')
  if (sub === null) note('token_malformed', 'no sub: it is about nobody')
  if (exp === null) note('token_malformed', claims['exp'] === undefined ? 'no exp: it would be valid for ever' : 'exp is not a time')
  if (!audiences?.length)
    note('token_malformed', claims['aud'] === undefined ? 'no aud: it is for nobody' : 'aud is neither a text nor a list of texts')
  const hopeless = findings.length > 0
  const facts = {
    issuer: iss,
    subject: sub,
    audiences: audiences ?? [],
    issuedAt: iat === null ? null : iso(iat),
    expiresAt: exp === null ? null : iso(exp),
    lifeUsed: lifeUsed(iat, exp, expected.nowMs),
    algorithm: alg,
    keyId: kid,
  }
  if (hopeless) return { findings, warnings: [], facts, hopeless }
  const opensCluster = !isWanted(audiences!, expected.audiences) && audiences!.some(one => isApiServer(one, iss!))
  if (exp! <= expected.nowMs) note('token_expired', `expired at ${iso(exp!)}, now is ${iso(expected.nowMs)}`)
  if (nbf !== null && nbf > expected.nowMs + skewMs)
    note('claim_rejected', `valid from ${iso(nbf)}, now is ${iso(expected.nowMs)}: a clock is wrong`)
  if (iat !== null && iat > expected.nowMs + skewMs)
    note('claim_rejected', `issued at ${iso(iat)}, which is ahead of ${iso(expected.nowMs)}: a clock is wrong`)
  if (!isWanted(audiences!, expected.audiences))
    note(
      'audience_mismatch',
      `audience is ${saySome(audiences!)}, want ${saySome([...expected.audiences])}${opensCluster ? '; it opens the cluster itself, so it was sent to nobody' : ''}`,
    )
  if (expected.issuer !== undefined && expected.issuer !== iss) note('issuer_unknown', sayIssuer(iss!, expected.issuer))
  if (expected.subject !== undefined && !isLike(expected.subject, sub!))
    note('subject_mismatch', sayDifference('subject', sub!, expected.subject))
  if (!algorithms[expected.cloud].includes(alg!))
    note('claim_rejected', `alg is ${alg}, ${expected.cloud} takes ${algorithms[expected.cloud].join(', ')}`)
  if (expected.cloud === 'gcp' && iat !== null && exp! - iat >= googleMostMs)
    note('claim_rejected', 'it lives for 48 hours or more, which Google does not allow')
  return { findings, warnings: warningsOf(facts, expected), facts, hopeless: opensCluster }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const timeOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 1e11 ? 1000 * value : null

const lifeUsed = (iat: number | null, exp: number | null, nowMs: number): number | null =>
  iat === null || exp === null || exp <= iat ? null : Math.round(1000 * Math.max(0, (nowMs - iat) / (exp - iat))) / 1000

const isWanted = (audiences: readonly string[], wanted: readonly string[]): boolean =>
  wanted.length === 0 || audiences.some(one => wanted.includes(one))

/** The API server's own audience is its issuer, or its name inside the cluster: whoever has such a token may speak to the cluster with it. */
const isApiServer = (audience: string, issuer: string): boolean =>
  audience === issuer || /^(https:\/\/)?kubernetes\.default(\.svc(\..+)?)?$/.test(audience)

/** StringLike of IAM policies: * stands for any characters, ? for one. In the time that the text takes, whatever the pattern. */
export const isLike = (pattern: string, text: string): boolean => {
  let [at, place, star, from] = [0, 0, -1, 0]
  while (place < text.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      from = place
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[place])) {
      at++
      place++
    } else if (star >= 0) {
      at = star + 1
      place = ++from
    } else return false
  }
  return /^\**$/.test(pattern.slice(at))
}

const sayIssuer = (seen: string, wanted: string): string =>
  `${sayDifference('issuer', seen, wanted)}${seen.replace(/\/$/, '') === wanted.replace(/\/$/, '') ? ': they differ by the slash at the end, and clouds compare byte for byte' : ''}`

const sayDifference = (what: string, seen: string, wanted: string): string =>
  `${what} is ${saySome([seen])}, want ${saySome([wanted])}${seen !== wanted && seen.toLowerCase() === wanted.toLowerCase() ? ': they differ in upper and lower case' : ''}`

/** By which a token is known to be for a cloud. */
const audienceForms: Record<Cloud, RegExp> = {
  aws: /^sts\.amazonaws\.com(\.cn)?$/,
  azure: /^api:\/\/AzureADTokenExchange/,
  gcp: /^(https:)?\/\/iam\.googleapis\.com\//,
}

/** What works and is not good practice. */
const warningsOf = (
  { audiences, lifeUsed: used, expiresAt }: TokenJudgement['facts'],
  { cloud, subject, nowMs }: TokenExpectation,
): Warning[] => {
  const foreign = (['aws', 'azure', 'gcp'] as const).filter(
    one => one !== cloud && audiences.some(audience => audienceForms[one].test(audience)),
  )
  const leftMs = expiresAt === null ? 0 : Date.parse(expiresAt) - nowMs
  const warnings: Warning[] = []
  if (used !== null && used > renewedAt && leftMs > 0)
    warnings.push({
      code: 'token_expiring',
      detail: `${Math.round(100 * used)} % of its life is over, ${Math.round(leftMs / 1000)} s left: it should have been renewed at 80 %`,
    })
  if (foreign.length > 0 && audiences.length === 1)
    warnings.push({
      code: 'audience_foreign',
      detail: `audience ${saySome(audiences)} is that of ${foreign[0]}, and the token goes to ${cloud}: project one for each cloud`,
    })
  if (audiences.length > 1)
    warnings.push({ code: 'audience_several', detail: `audiences are ${saySome(audiences)}: project one token for each` })
  if (subject !== undefined && /[*?]/.test(subject))
    warnings.push({
      code: 'subject_wildcard',
      detail: `the policy allows ${saySome([subject])}: name the one namespace and service account`,
    })
  return warnings
}
