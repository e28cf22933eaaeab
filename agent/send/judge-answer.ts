import { readPartialSuccess } from './partial-success.ts'
import type { Answer } from './post.ts'
import { parseRetryAfterMs } from './retry-after.ts'

/** What to do with the record that was sent. `slow`: it waits for people or for credentials, not for a network. */
export type Verdict =
  | { kind: 'delivered'; rejectedPoints: number; detail?: string }
  | { kind: 'rejected'; detail: string }
  | { kind: 'retry'; detail: string; afterMs?: number; slow: boolean }

/** OTLP specification, "Retryable Response Codes": these and no others. */
const retryable = [429, 502, 503, 504]
/** Not the record's fault: the credentials may be renewed or the access granted. Kept, as dropping data for it would punish the wrong one. */
const unauthorised = [401, 403]

/** Pure. A connection that failed at whatever point is a retry: the batch's identity lets the receiver count it once. */
export const judgeAnswer = (answer: Answer, unixNowMs: number): Verdict => {
  if (answer.kind === 'failed') return { kind: 'retry', detail: answer.detail, slow: false }
  const { status, body, contentType, cut } = answer
  if (status >= 200 && status < 300) {
    if (cut) return { kind: 'delivered', rejectedPoints: 0, detail: 'taken, but with an answer of more than 64 KiB, which was not read' }
    const { rejected, message } = readPartialSuccess(body, contentType)
    return { kind: 'delivered', rejectedPoints: rejected, ...sayPartial(rejected, message) }
  }
  const detail = `answered ${status}${sayBody(body, contentType)}`
  if (unauthorised.includes(status)) return { kind: 'retry', detail: `${detail}: credentials missing, expired or not allowed`, slow: true }
  if (!retryable.includes(status)) return { kind: 'rejected', detail }
  const afterMs = parseRetryAfterMs(answer.retryAfter, unixNowMs)
  return { kind: 'retry', detail, slow: false, ...(afterMs === undefined ? {} : { afterMs }) }
}

/** No points rejected but a message: a warning (OTLP specification, "Partial Success"). */
const sayPartial = (rejected: number, message: string): { detail?: string } => {
  if (rejected === 0 && message === '') return {}
  return { detail: rejected === 0 ? `warned: ${message}` : `rejected ${rejected} points: ${message || 'without a reason'}` }
}

/** Some words of a body that is text. google.rpc.Status in protobuf is its message with a few bytes around it. */
const sayBody = (body: Buffer, contentType = ''): string => {
  const text = body
    .toString('utf8', 0, 400)
    .replace(/[\p{Cc}\ufffd]+/gu, ' ')
    .trim()
    .slice(0, 200)
  return text === '' || /html/i.test(contentType) ? '' : ` (${text})`
}
