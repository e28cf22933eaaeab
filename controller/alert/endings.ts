/** Which certificate of a chain it is that ends: metrics have its dates alone, agents tell the rest (agent/late-certificates.ts). */
import type { StoredEvent } from '../store/events.ts'
import { readPathEvent } from './path-event.ts'

/** `position`: 1 is the target's own, others have signed it. */
export type LateCertificate = {
  readonly position: number
  readonly count: number
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly endsMs: number
}

const kind = 'certificate_ending'
const maxKept = 20_000

const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 300) : '')

const certificateOf = (attributes: Readonly<Record<string, unknown>>): LateCertificate | undefined => {
  const of = (name: string): unknown => attributes[`causeway.certificate.${name}`]
  const [position, count, endsMs] = [Number(of('position')), Number(of('count')), Date.parse(textOf(of('not_after')))]
  if (!(position >= 1 && count >= position) || Number.isNaN(endsMs)) return undefined
  return { position, count, endsMs, subject: textOf(of('subject')), issuer: textOf(of('issuer')), serial: textOf(of('serial')) }
}

export class Endings {
  readonly #byPath = new Map<string, LateCertificate>()

  take(events: readonly StoredEvent[]): void {
    for (const event of events) {
      const told = event.kind === kind ? readPathEvent(event) : undefined
      const found = told && certificateOf(told.attributes)
      if (!found) continue
      this.#byPath.delete(told.id)
      this.#byPath.set(told.id, found)
    }
    for (const id of this.#byPath.keys()) {
      if (this.#byPath.size <= maxKept) break
      this.#byPath.delete(id)
    }
  }

  paths(): Iterable<string> {
    return this.#byPath.keys()
  }

  /** Of what was said, only what is about the certificate that ends then: seconds, as metrics have it. */
  of(path: string, endsMs: number): LateCertificate | undefined {
    const known = this.#byPath.get(path)
    return known && Math.abs(known.endsMs - endsMs) < 2000 ? known : undefined
  }
}
