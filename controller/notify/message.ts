/** What the loop gives to a receiver's sender, and what it gets back. */
import type { LookupFunction } from 'node:net'
import type { Receiver } from '../../wire/fleet-alerts.ts'
import type { Notification } from '../../wire/page.ts'
import type { Delivery } from '../store/deliveries.ts'

/** `before`: what this receiver was told of this very incident, if anything. */
export type Message = Notification & { before?: Delivery }

/**
 * `failed`: it may work later. `refused`: what was sent is not taken, now or ever; the next may be. `detail` is of one line, without secrets. `handle`: what the
 * receiver calls the message, kept for the next one.
 */
export type Answer =
  | { kind: 'taken'; detail: string; handle?: string }
  | { kind: 'refused'; detail: string }
  | { kind: 'failed'; detail: string; retryAfterMs?: number }

export const failed = (detail: string, retryAfterMs?: number): Answer => ({
  kind: 'failed',
  detail,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
})

/** All that a sender has of the world. `lookup` resolves names, `print` writes a line to stdout. */
export type Means = {
  nowMs: () => number
  environment: Readonly<Record<string, string | undefined>>
  readFile: (path: string) => Promise<string>
  lookup?: LookupFunction
  print: (line: string) => void
  timeoutMs: number
  stop: AbortSignal
}

/** One or several messages, which are taken or not together. */
export type Send<T extends Receiver['type']> = (
  receiver: Extract<Receiver, { type: T }>,
  messages: readonly Message[],
  means: Means,
) => Promise<Answer>
