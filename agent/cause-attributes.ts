import type { Diagnosis } from '../wire/causes.ts'
import type { EventAttribute } from './record.ts'

/** A diagnosis as attributes of an event. */
export const causeAttributes = (found: Diagnosis | undefined): Record<string, EventAttribute> =>
  found
    ? {
        'causeway.cause': found.cause,
        'causeway.cause.layer': found.layer,
        ...(found.direction ? { 'causeway.cause.direction': found.direction } : {}),
        'causeway.cause.confidence': found.confidence,
        'causeway.cause.summary': found.summary,
        'causeway.cause.evidence': found.evidence,
        'causeway.cause.against': found.against,
        'causeway.cause.fixes': found.fixes.map(({ where, command }) => `${where}:\n${command}`),
        'causeway.cause.next': found.next,
      }
    : {}
