import type { FailReason, WarningCode } from '../../wire/reasons.ts'
import type { AnyResult, Kind, Verdict } from '../../wire/result.ts'
import { isOk, reasonOf, tcpWorks } from './seen.ts'

/** A trace ends with an echo too. */
const echoKinds: readonly Kind[] = ['icmp', 'trace']

/** What an unanswered echo looks like. Partial loss is not among them: who answers some echoes does not filter them. */
const silence: readonly FailReason[] = ['no_reply', 'admin_prohibited', 'host_unreachable', 'network_unreachable', 'ttl_exceeded']

/** Worth a line, nothing to worry about: TCP does not send packets of that size here. */
const notedOnly: readonly WarningCode[] = ['signal_lost']

/**
 * ICMP is auxiliary: where TCP works in the same run, echoes that nobody answers become the warning `icmp_filtered`. Who asked for ICMP by
 * name (`icmp://…`) asked for echoes, and keeps the failure. Settling twice changes nothing.
 */
export const settle = (results: readonly AnyResult[], asked: readonly Kind[]): AnyResult[] => settleEchoes(settleNames(results), asked)

/** What the Web PKI thinks of a certificate does not count where the identity is SPIFFE's: host names and public roots play no part in it (X509-SVID §5). */
const webOnly: readonly FailReason[] = ['certificate_untrusted', 'certificate_name_mismatch', 'chain_incomplete']

const settleNames = (results: readonly AnyResult[]): AnyResult[] => {
  const judged = results.some(({ kind, measured }) => kind === 'mtls' && (measured as { peerId?: string | null }).peerId)
  if (!judged) return [...results]
  return results.map(result => {
    const { outcome } = result
    const web = result.kind === 'tls' && outcome.kind === 'fail' && webOnly.includes(outcome.reason)
    return web ? { ...result, outcome: { kind: 'ok' as const }, violations: [] } : result
  })
}

const settleEchoes = (results: readonly AnyResult[], asked: readonly Kind[]): AnyResult[] => {
  if (!tcpWorks(results)) return [...results]
  return results.map(result => {
    if (
      !echoKinds.includes(result.kind) ||
      asked.includes(result.kind) ||
      result.outcome.kind !== 'fail' ||
      !silence.includes(result.outcome.reason)
    )
      return result
    const warning = { code: 'icmp_filtered' as const, detail: result.outcome.detail }
    return { ...result, outcome: { kind: 'ok' as const }, warnings: [...result.warnings, warning] }
  })
}

/** The steps that must be measured: those asked for by name and those of the target's own port; for a host without a port, its echoes. */
const essential = (results: readonly AnyResult[], asked: readonly Kind[]): AnyResult[] => {
  const needed = results.filter(({ kind }) => asked.includes(kind) || kind === 'tcp' || kind === 'tls' || kind === 'mtls')
  return needed.length > 0 ? needed : results.filter(({ kind }) => kind === 'icmp')
}

const isUnmeasured = (result: AnyResult): boolean => result.outcome.kind === 'unmeasured'

const isWorthAWord = ({ outcome, warnings }: AnyResult): boolean =>
  warnings.some(({ code }) => !notedOnly.includes(code)) || (outcome.kind === 'unmeasured' && outcome.reason.startsWith('local_'))

/**
 * What the results of one run come to. `asked` are the kinds that the user named. An auxiliary step that this machine could not measure is
 * `degraded`, one that is not possible against this target (`unsupported`) changes nothing. No results at all is `unmeasured`.
 */
export const verdictOf = (results: readonly AnyResult[], asked: readonly Kind[] = []): Verdict => {
  const settled = settle(results, asked)
  if (settled.some(result => reasonOf(result) !== undefined)) return 'fail'
  if (settled.length === 0 || essential(settled, asked).some(isUnmeasured)) return 'unmeasured'
  if (asked.some(kind => !settled.some(result => result.kind === kind))) return 'unmeasured'
  if (!settled.some(isOk)) return 'unmeasured'
  return settled.some(isWorthAWord) ? 'degraded' : 'ok'
}

const exitCodes: Record<Verdict, 0 | 1 | 3> = { ok: 0, degraded: 0, fail: 1, unmeasured: 3 }

/** 0 nothing failed (warnings allowed), 1 something failed, 3 nothing failed but a step that matters was not measured. 2, bad usage, is the command's. */
export const exitCodeOf = (results: readonly AnyResult[], asked: readonly Kind[] = []): 0 | 1 | 3 => exitCodes[verdictOf(results, asked)]

const plainKinds: readonly Kind[] = ['dns', 'icmp']

/**
 * Nothing to explain, known without asking any explainer, which spares a healthy run of echoes from loading them: a name and echoes that
 * are ok without a warning. Of other kinds an explainer may make something even when each is ok for itself.
 */
export const isPlain = (results: readonly AnyResult[]): boolean =>
  results.every(({ kind, outcome, warnings }) => plainKinds.includes(kind) && outcome.kind === 'ok' && warnings.length === 0)
