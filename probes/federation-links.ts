/** The links of the chain after the token: the issuer, the exchange and impersonation, each written down as it is walked. */
import type { Credential } from '../judge/federation/answers.ts'
import { judgeRefusal } from '../judge/federation/errors.ts'
import { redact } from '../judge/federation/redact.ts'
import type { GcpSettings, Settings } from '../judge/federation/settings.ts'
import { type Finding, judgeToken } from '../judge/federation/token.ts'
import { readToken as readJwt } from '../judge/spiffe/token.ts'
import type { FederationStepName } from '../wire/measured-federation.ts'
import type { Outcome } from '../wire/result.ts'
import { findingOf, note, type Run, skip } from './federation-run.ts'
import { signCallerIdentity } from './identity/aws-request.ts'
import { askCallerIdentity, assertClient, assumeRole, type Exchanged, exchangeAtGoogle, impersonate } from './identity/exchange.ts'
import { checkIssuer } from './identity/issuer-check.ts'
import type { Token } from './identity/token.ts'

/** The outcome ends the run: nothing can be said of the cloud. */
export type Ended = { outcome: Outcome }
export const isEnded = (value: object): value is Ended => 'outcome' in value

const sayLeft = (endsMs: number | null, nowMs: number): string => (endsMs === null ? '' : `, ${Math.round((endsMs - nowMs) / 1000)} s left`)

/** Our own verdict on a JWT: its claims, then its issuer and signature. `hopeless`: no cloud is asked. */
export const checkToken = async (
  run: Run,
  settings: Settings,
  text: string,
  source: string,
): Promise<{ findings: Finding[]; hopeless: boolean } | Ended> => {
  const { measured, warnings, nowMs } = run
  const start = performance.now()
  const read = readJwt(text)
  if (!read.ok) {
    const finding: Finding = { reason: 'token_malformed', detail: `${source}: what is there ${read.problem}` }
    note(run, 'claims', performance.now() - start, '', finding)
    return { findings: [finding], hopeless: true }
  }
  const judged = judgeToken(read.token, {
    cloud: settings.cloud,
    nowMs,
    audiences: settings.audiences,
    issuer: settings.issuer,
    subject: settings.subject,
  })
  const { facts } = judged
  measured.token = { source, form: 'jwt', ...facts }
  warnings.push(...judged.warnings)
  const ends = facts.expiresAt === null ? null : Date.parse(facts.expiresAt)
  note(
    run,
    'claims',
    performance.now() - start,
    `${facts.subject}, for ${facts.audiences.join(', ')}${sayLeft(ends, nowMs)}`,
    judged.findings[0],
  )
  if (facts.issuer === null || judged.findings[0]?.reason === 'token_malformed')
    return { findings: judged.findings, hopeless: judged.hopeless }
  const issuer = await checkIssuer(facts.issuer, read.token, run.ask, run.signal)
  if (issuer.stopped) return { outcome: issuer.stopped }
  warnings.push(...issuer.warnings)
  note(run, 'issuer', issuer.documentsMs, issuer.detail, issuer.documents)
  if (issuer.documents) skip(run, 'signature', "without the issuer's keys")
  else note(run, 'signature', issuer.signatureMs, `by the issuer's key ${facts.keyId ?? 'without a name'}`, issuer.signature)
  const more = [issuer.documents, issuer.signature].filter(one => one !== null)
  return { findings: [...judged.findings, ...more], hopeless: judged.hopeless }
}

type Granted = { credential: Credential; identity: string | null }

/** What came of an exchange, written down: the credential, the cloud's refusal, or the end of the run. */
const settle = (
  run: Run,
  settings: Settings,
  step: FederationStepName,
  exchanged: Exchanged,
  ms: number,
): Granted | { refused: Finding } | Ended => {
  const { measured, secrets, nowMs } = run
  const { endpoint } = exchanged
  if ('outcome' in exchanged) {
    measured.answer = { endpoint, status: null, code: null, message: null, requestId: null }
    const finding = findingOf(exchanged.outcome)
    if (!finding) return { outcome: exchanged.outcome }
    note(run, step, ms, '', finding)
    return { refused: finding }
  }
  const { read, status } = exchanged
  const { requestId, correlationId } = read
  const ids = { requestId, ...(correlationId && { correlationId }) }
  if (read.kind === 'granted') {
    measured.answer = { endpoint, status, code: null, message: null, ...ids }
    const { credential, identity } = read
    if (credential.kind === 'bearer') secrets.push(credential.token.reveal())
    else secrets.push(credential.secretKey.reveal(), credential.sessionToken?.reveal() ?? '')
    const left = credential.endsMs === null ? null : Math.round((credential.endsMs - nowMs) / 1000)
    measured.secondsLeft = left
    note(run, step, ms, `${identity ?? `credential of ${endpoint}`}${sayLeft(credential.endsMs, nowMs)}`)
    return { credential, identity }
  }
  const code = read.kind === 'refused' ? read.code : null
  const message = read.kind === 'refused' && read.message !== null ? redact(read.message, secrets) : null
  measured.answer = { endpoint, status, code, message, ...ids }
  const reason = read.kind === 'refused' ? judgeRefusal(settings.cloud, { status, code, message }) : 'cloud_error'
  const said = read.kind === 'refused' ? `${endpoint} answered HTTP ${status}${sayRefusal(code, message)}` : `${endpoint}: ${read.detail}`
  const finding: Finding = { reason, detail: `${said}${requestId === null ? '' : ` (request ${requestId})`}` }
  note(run, step, ms, '', finding)
  return { refused: finding }
}

/** Entra's texts begin with their code. */
const sayRefusal = (code: string | null, message: string | null): string =>
  message === null ? (code === null ? '' : ` ${code}`) : code === null || message.includes(code) ? `: ${message}` : ` ${code}: ${message}`

/** The link that gives a credential for the token. */
export const exchangeToken = async (run: Run, settings: Settings, token: Token): Promise<Granted | { refused: Finding } | Ended> => {
  const start = performance.now()
  const { exchange } = settings
  if (token.form === 'access_token') {
    skip(run, 'exchange', "the metadata service gives the cloud's own token")
    run.measured.secondsLeft = token.endsMs === null ? null : Math.round((token.endsMs - run.nowMs) / 1000)
    return { credential: { kind: 'bearer', token: token.text, endsMs: token.endsMs, federated: false }, identity: token.source }
  }
  const exchanged = await (token.form === 'jwt' ? exchangeJwt(run, exchange, token) : exchangeKeys(run, exchange, token))
  return settle(run, settings, 'exchange', exchanged, performance.now() - start)
}

const exchangeJwt = (
  { ask, signal, nowMs }: Run,
  exchange: Settings['exchange'],
  { text }: Extract<Token, { form: 'jwt' }>,
): Promise<Exchanged> => {
  if (exchange.cloud === 'aws') return assumeRole(exchange, text, ask, signal)
  if (exchange.cloud === 'azure') return assertClient(exchange, text, ask, signal, nowMs)
  return exchangeAtGoogle(exchange, text.reveal(), ask, signal, nowMs)
}

/** AWS itself says who its keys are; Google takes that question, signed, for a token. */
const exchangeKeys = async (
  { ask, signal, nowMs, secrets }: Run,
  exchange: Settings['exchange'],
  token: Extract<Token, { form: 'aws_credentials' }>,
): Promise<Exchanged> => {
  const fallback = exchange.cloud === 'aws' ? exchange.region : 'us-east-1'
  const region = token.region ?? fallback
  if (exchange.cloud !== 'gcp') {
    if (exchange.cloud === 'aws') return askCallerIdentity(exchange, token.keys, exchange.region, token.endsMs, ask, signal)
    const detail = 'Entra takes no AWS keys, want a token in a file'
    return { endpoint: exchange.url.host, outcome: { kind: 'unmeasured', reason: 'config_invalid', detail } }
  }
  const { serialized } = await signCallerIdentity(token.keys, region, token.verificationUrl, exchange.provider)
  secrets.push(serialized)
  return exchangeAtGoogle(exchange, serialized, ask, signal, nowMs)
}

/** Google: from the federated principal to a service account. */
export const impersonateAccount = async (
  run: Run,
  settings: Settings,
  { impersonationUrl, serviceAccount }: GcpSettings,
  granted: Granted,
): Promise<Granted | { refused: Finding } | Ended> => {
  const { credential } = granted
  if (!impersonationUrl || credential.kind !== 'bearer') return granted
  const start = performance.now()
  const exchanged = await impersonate(impersonationUrl, credential.token, run.ask, run.signal)
  const settled = settle(run, settings, 'impersonation', exchanged, performance.now() - start)
  return 'credential' in settled ? { ...settled, identity: serviceAccount ?? null } : settled
}
