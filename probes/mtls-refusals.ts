import type { Options } from '../wire/options.ts'
import { type ClientAnswer, waitForAnswer } from './client-auth.ts'
import { type Finding, fail, type Resolved } from './finding.ts'
import type { Svid } from './identity/identity.ts'
import { dialling } from './mtls-dialling.ts'
import { shakeHands } from './net/handshake.ts'
import { watchForStall } from './stall.ts'

const watchMs = 50

/** Reserved: no name of this kind exists (RFC 6761 §6.4). */
const nonsenseName = 'outbound_.1_._.nobody.invalid'

/** Whether the other side answers for a server name that nobody has. */
export const tryNonsense = (
  target: Resolved,
  options: Options['mtls'],
  svid: Svid | undefined,
  signal: AbortSignal,
): Promise<'refused' | 'answered'> =>
  shakeHands(
    { ...dialling(target, options, svid), sni: nonsenseName },
    signal,
    watchForStall(watchMs, () => {}),
    ({ end }) => (end.kind === 'done' ? 'answered' : 'refused'),
  )

/** A client without a certificate must be refused. */
export const tryWithout = async (
  target: Resolved,
  options: Options['mtls'],
  finding: Finding<'mtls'>,
  signal: AbortSignal,
): Promise<Finding<'mtls'>> => {
  const answer = await shakeHands(
    dialling(target, options, undefined),
    signal,
    watchForStall(watchMs, () => {}),
    ({ end, tls, connected }) =>
      end.kind === 'done' ? waitForAnswer(tls, connected?.rttMs ?? 0, signal) : ({ kind: 'closed' } as ClientAnswer),
  )
  const { measured } = finding
  if (answer.kind === 'silence') return { ...finding, measured: { ...measured, withoutCertificate: 'unknown' } }
  if (answer.kind !== 'proof' || answer.hungUp) return { ...finding, measured: { ...measured, withoutCertificate: 'refused' } }
  const detail = 'a client without a certificate was let in, want a refusal'
  return {
    ...finding,
    measured: { ...measured, withoutCertificate: 'accepted' },
    outcome: fail('mtls_not_enforced', detail),
    violations: [...(finding.violations ?? []), { code: 'mtls_not_enforced', detail }],
  }
}
