/** The chain of a federated credential, link by link, for the terminal and for reports. Plain text. */
import type { FederationMeasured, FederationStep } from '../wire/measured-federation.ts'
import { printable } from './printable.ts'

/** The mark and the longest name of a link. */
const nameColumn = 17

/** What stands behind the kind: who we are there, or which link broke. */
export const federationText = ({ cloud, identity, secondsLeft, steps, token }: FederationMeasured): string[] => {
  const broken = steps?.find(({ verdict }) => verdict === 'fail')
  return [
    ...(token?.subject && cloud ? [`${token.subject} at ${cloud}`] : cloud ? [cloud] : []),
    ...(identity ? [`is ${identity}`] : []),
    ...(secondsLeft === null || secondsLeft === undefined ? [] : [`${secondsLeft} s left`]),
    ...(broken ? [`breaks at ${broken.step}`] : []),
  ]
}

const marks: Record<FederationStep['verdict'], 'ok' | 'fail' | 'none'> = { ok: 'ok', fail: 'fail', skipped: 'none' }

/** One line for each link; the caller wraps and paints them. */
export const linkLines = ({ steps }: FederationMeasured, symbols: Record<'ok' | 'fail' | 'none', string>): string[] =>
  (steps ?? []).map(({ step, verdict, detail, ms }) => {
    const time = verdict === 'skipped' ? '' : `  ${ms >= 1 ? Math.round(ms) : ms.toFixed(1)} ms`
    return `${symbols[marks[verdict]]} ${step.padEnd(nameColumn - 2)}${printable(detail)}${time}`
  })
