/**
 * Certificates of targets that should have been renewed: which of the chain it is, said once and again every half hour, because metrics have only its dates.
 * Pure but for its own memory, which has only those that are late.
 */

import type { CertificateFacts } from '../wire/measured.ts'
import type { AnyResult } from '../wire/result.ts'
import { labelsOf } from './events.ts'
import { firstToEnd } from './first-to-end.ts'
import type { Path } from './path.ts'
import type { AgentEvent } from './record.ts'

/** Whoever judges ends of certificates does so from less than this on, and never from more (controller/alert/expiry.ts). */
const [lateShare, lateMs] = [0.4, 30 * 86_400_000]
/** What was said is found again by who looks an hour back. */
const againMs = 1_800_000

export type LateCertificates = {
  take(path: Path, result: AnyResult, nowMs: number): AgentEvent | undefined
  /** Keys of all paths that there are. */
  keep(keys: Iterable<string>): void
}

export const watchCertificates = (): LateCertificates => {
  const told = new Map<string, { fingerprint: string; atMs: number }>()
  return {
    take(path, result, nowMs) {
      const chain = chainOf(result)
      const place = firstToEnd(chain)
      const first = place === undefined ? undefined : chain[place]!
      if (!first || !isLate(first, nowMs)) {
        // A run that saw no certificate says nothing of it.
        if (first) told.delete(path.key)
        return undefined
      }
      const before = told.get(path.key)
      if (before?.fingerprint === first.fingerprint256 && nowMs - before.atMs < againMs) return undefined
      told.set(path.key, { fingerprint: first.fingerprint256, atMs: nowMs })
      return buildEnding(path, result, { chain, place: place!, nowMs })
    },
    keep(keys) {
      const all = new Set(keys)
      for (const key of told.keys()) if (!all.has(key)) told.delete(key)
    },
  }
}

const chainOf = ({ kind, measured }: AnyResult): readonly CertificateFacts[] => {
  if (kind === 'tls' || kind === 'mtls') return measured.chain ?? []
  return kind === 'http' ? (measured.tls?.chain ?? []) : []
}

const isLate = ({ notBefore, notAfter }: CertificateFacts, nowMs: number): boolean => {
  const [fromMs, endMs] = [Date.parse(notBefore), Date.parse(notAfter)]
  return endMs - nowMs < Math.min(lateMs, lateShare * (endMs - fromMs))
}

type Seen = { chain: readonly CertificateFacts[]; place: number; nowMs: number }
const buildEnding = (path: Path, { target }: AnyResult, { chain, place, nowMs }: Seen): AgentEvent => {
  const { subject, issuer, serial, notBefore, notAfter } = chain[place]!
  const isOver = Date.parse(notAfter) < nowMs
  return {
    atMs: nowMs,
    name: 'causeway.certificate.ending',
    severity: 'warn',
    body: `${path.key}: certificate ${place + 1} of ${chain.length} ${isOver ? 'ended' : 'ends'} at ${notAfter}`,
    labels: labelsOf(path, target),
    attributes: {
      'causeway.certificate.position': place + 1,
      'causeway.certificate.count': chain.length,
      'causeway.certificate.subject': subject,
      'causeway.certificate.issuer': issuer,
      'causeway.certificate.serial': serial,
      'causeway.certificate.not_before': notBefore,
      'causeway.certificate.not_after': notAfter,
    },
  }
}
