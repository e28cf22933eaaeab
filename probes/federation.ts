import { decide } from '../judge/federation/decide.ts'
import { type ExternalAccount, readExternalAccount } from '../judge/federation/external-account.ts'
import { cloudOf, credentialsFileOf, readSettings, type Settings } from '../judge/federation/settings.ts'
import type { Finding as Fault } from '../judge/federation/token.ts'
import type { FederationWanted } from '../wire/measured-federation.ts'
import type { Options } from '../wire/options.ts'
import { type Cloud, isCloud } from '../wire/options-federation.ts'
import type { Outcome } from '../wire/result.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import { callWith } from './federation-call.ts'
import { checkToken, exchangeToken, impersonateAccount, isEnded } from './federation-links.ts'
import { findingOf, newMeasured, note, type Run, skip } from './federation-run.ts'
import { aborted, type Finding, type Probe, timedOut, unmeasured } from './finding.ts'
import { createAsk } from './identity/ask.ts'
import { readTextFile } from './identity/text-file.ts'
import type { Token } from './identity/token.ts'
import { readToken } from './identity/token-source.ts'

/**
 * Walks the chain from the token that this workload holds to a credential of another cloud, and with `call` to one authorised request: token, claims, issuer, signature,
 * exchange, impersonation, call. Our own check and the cloud's verdict are both kept. One attempt at each link; nothing secret leaves the run, and the credential is
 * thrown away with it. What it can't see is whether the cloud reaches the issuer, but from the cloud's answer.
 */
export const probeFederation: Probe<'federation'> = async (target, options, signal, allow) => {
  const measured = newMeasured(cloudOf(options, target.host) ?? null)
  const nothing = (outcome: Outcome): Finding<'federation'> => ({ outcome, measured, phasesMs: {}, warnings: [] })
  if (signal.aborted && !timedOut(signal)) return nothing(aborted)
  const ca = readCa(options)
  const account = measured.cloud === 'gcp' ? readAccount(options) : good(undefined)
  const settings = account.ok ? readSettings(options, target.host, account.value) : account
  if (!settings.ok || !ca.ok) {
    const problems = [...(settings.ok ? [] : settings.problems), ...(ca.ok ? [] : ca.problems)]
    return nothing(unmeasured('config_invalid', problems.join('; ')))
  }
  measured.wanted = wantedOf(settings.value)
  const { timeoutMs, source } = options
  const ask = createAsk({ kind: 'federation', timeoutMs, source, ca: ca.value, allow })
  const run: Run = { measured, phasesMs: {}, warnings: [], secrets: [], ask, signal, nowMs: Date.now() }
  const walked = await walk(run, settings.value)
  return { ...walked, measured, phasesMs: run.phasesMs, warnings: [...run.warnings, ...(walked.warnings ?? [])] }
}

const readCa = ({ caFile }: Options['federation']): Parsed<string | undefined> => {
  if (caFile === undefined) return good(undefined)
  const read = readTextFile(caFile)
  return 'error' in read ? bad(`${caFile}: ${read.error}`) : good(read.text)
}

const readAccount = (options: Options['federation']): Parsed<ExternalAccount | undefined> => {
  const path = credentialsFileOf(options)
  if (path === undefined) return good(undefined)
  const read = readTextFile(path)
  if ('error' in read) return bad(`${path}: ${read.error}`)
  const account = readExternalAccount(read.text)
  return account.ok ? account : bad(...account.problems.map(problem => `${path}: ${problem}`))
}

const wantedOf = ({ audiences, issuer, subject, exchange }: Settings): FederationWanted => {
  const all = {
    issuer,
    subject,
    ...(exchange.cloud === 'aws' && { roleArn: exchange.roleArn, region: exchange.region }),
    ...(exchange.cloud === 'azure' && { tenantId: exchange.tenantId, clientId: exchange.clientId }),
    ...(exchange.cloud === 'gcp' && { provider: exchange.provider, serviceAccount: exchange.serviceAccount }),
  }
  return { audiences, ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== '')) }
}

type Walked = Pick<Finding<'federation'>, 'outcome' | 'violations'> & Partial<Pick<Finding<'federation'>, 'warnings'>>

const walk = async (run: Run, settings: Settings): Promise<Walked> => {
  const { measured, ask, signal, nowMs } = run
  const start = performance.now()
  const token = await readToken(settings.token, ask, signal, nowMs)
  if ('outcome' in token) {
    const fault = findingOf(token.outcome)
    if (fault) note(run, 'token', performance.now() - start, '', fault)
    return { outcome: token.outcome }
  }
  note(run, 'token', performance.now() - start, token.got.source)
  const local = await judgeLocally(run, settings, token.got)
  if (isEnded(local)) return local
  const [first] = local.findings
  measured.local = first ?? null
  if (local.hopeless) return decide(local.findings, null)
  const granted = await exchangeToken(run, settings, token.got)
  if (isEnded(granted)) return granted
  if ('refused' in granted) return decide(local.findings, granted.refused)
  const full = settings.exchange.cloud === 'gcp' ? await impersonateAccount(run, settings, settings.exchange, granted) : granted
  if (isEnded(full)) return full
  const odd = accept(run, settings, local.findings)
  if ('refused' in full) return decideLater(odd, full.refused)
  measured.identity = full.identity ?? identityOf(settings, measured.token?.subject ?? null)
  if (!settings.call) return decide(odd, undefined)
  const called = await callWith(run, settings.call, full.credential)
  if (called && isEnded(called)) return called
  return called ? decideLater(odd, called) : decide(odd, undefined)
}

/** What is still odd about a token that the cloud took. An audience that we only assumed was the wrong assumption. */
const accept = ({ measured }: Run, { audienceAssumed }: Settings, local: readonly Fault[]): Fault[] => {
  const odd = local.filter(({ reason }) => !audienceAssumed || reason !== 'audience_mismatch')
  measured.local = odd[0] ?? null
  measured.steps = measured.steps.map(({ reason, ...link }) =>
    link.step === 'claims' && reason !== undefined && odd.length < local.length
      ? { ...link, verdict: 'ok' }
      : { ...link, ...(reason && { reason }) },
  )
  return odd
}

/** A link after the exchange broke: the token was good enough for the cloud, so our own check is only a warning. */
const decideLater = (local: readonly Fault[], fault: Fault): Walked => {
  const { outcome, violations } = decide([], fault)
  return { outcome, violations, warnings: decide(local, undefined).warnings }
}

const judgeLocally = async (run: Run, settings: Settings, token: Token): ReturnType<typeof checkToken> => {
  const { measured, secrets } = run
  if (token.form === 'aws_credentials') secrets.push(token.keys.secretKey.reveal(), token.keys.sessionToken?.reveal() ?? '')
  else secrets.push(token.text.reveal())
  if (token.form !== 'jwt') {
    const endsMs = token.endsMs === null ? null : new Date(token.endsMs).toISOString()
    const form = token.form === 'aws_credentials' && settings.cloud === 'gcp' ? 'aws_request' : token.form
    measured.token = {
      source: token.source,
      form,
      issuer: null,
      subject: null,
      audiences: [],
      issuedAt: null,
      expiresAt: endsMs,
      lifeUsed: null,
      algorithm: null,
      keyId: null,
    }
    measured.from = token.form === 'aws_credentials' ? 'aws' : settings.cloud
    for (const step of ['claims', 'issuer', 'signature'] as const) skip(run, step, 'not a JWT')
    return { findings: [], hopeless: false }
  }
  const checked = await checkToken(run, settings, token.text.reveal(), token.source)
  measured.from = cloudOfIssuer(measured.token?.issuer ?? null)
  return checked
}

/** The clouds' own issuers, by their host names. */
const issuerHosts: Record<Cloud, RegExp> = {
  aws: /(^|\.)oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/,
  azure: /(^|\.)(oic\.prod-aks\.azure\.com|oidc\.prod-aks\.azure\.com|sts\.windows\.net|login\.microsoftonline\.com)$/,
  gcp: /^(container\.googleapis\.com|accounts\.google\.com)$/,
}

const cloudOfIssuer = (issuer: string | null): Cloud | null => {
  if (issuer === null || !URL.canParse(issuer)) return null
  const { hostname } = new URL(issuer)
  return (
    Object.keys(issuerHosts)
      .filter(isCloud)
      .find(cloud => issuerHosts[cloud].test(hostname)) ?? null
  )
}

/** Who we are, where the answer does not say. */
const identityOf = ({ exchange }: Settings, subject: string | null): string | null => {
  if (exchange.cloud === 'azure') return `application ${exchange.clientId}`
  if (exchange.cloud === 'gcp' && exchange.provider && subject !== null) return principalOf(exchange.provider, subject)
  return null
}

/** As IAM policies name a federated identity. */
const principalOf = (provider: string, subject: string): string =>
  `principal:${provider.replace(/\/providers\/.*$/, '')}/subject/${subject}`
