import type { Family, Outcome } from '../../wire/result.ts'

/** What a watch is told by whoever sends its probes. Times are those of `performance.now()`. */
export type SenderListener = {
  /** `rttMs` is NaN where it can't be told; `ttl` is negative where it is not known. `there` is a responder's count of what it has got. */
  answered: (index: number, rttMs: number, ttl: number, there?: { received: number; epoch: number }) => void
  /** What an ICMP error or a refused connection said, in a few words. */
  error: (text: string) => void
}

export type SenderOptions = { address: string; family: Family; port?: number; source?: string; sizeBytes: number; timeoutMs: number }

/** One way of asking a target whether the path is there. `close` must be called. */
export type Sender = {
  /** Called before a batch. */
  look: () => void
  /** False: the send buffer is full, try again later. What the network or this machine refuses counts as sent. */
  send: (index: number) => boolean
  /** Takes what has arrived. */
  collect: () => void
  /** Answers that this machine has dropped for want of buffer. */
  overflow: () => number
  close: () => void
}

/** A sender, or why there is none. */
export type OpenSender = (options: SenderOptions, listener: SenderListener, signal: AbortSignal) => Promise<Sender | Outcome>

export const isSender = (opened: Sender | Outcome): opened is Sender => 'send' in opened
