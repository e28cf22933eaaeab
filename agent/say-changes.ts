/** What an agent finds, in its log too: who reads only that must see that a target fails, or that the local policy refuses it. */
import type { Log } from './log.ts'
import type { AgentEvent } from './record.ts'

/** A fault that touches everything is one thing to read, not thousands. */
const mostInAMinute = 30

const changes = ['causeway.path.changed', 'causeway.path.rtt_step', 'causeway.route.changed']

/** Logs each change of a path's state, up to so many a minute; then once how many there were more. */
export const sayChanges = (log: Log, elapsedMs: () => number): ((event: AgentEvent) => void) => {
  let sinceMs = elapsedMs()
  let said = 0
  return ({ name, severity, body, attributes }) => {
    if (!changes.includes(name)) return
    const now = elapsedMs()
    if (now - sinceMs >= 60_000) {
      if (said > mostInAMinute) log.warn({ changes: said - mostInAMinute }, 'further paths changed, not told one by one')
      sinceMs = now
      said = 0
    }
    if (++said > mostInAMinute) return
    const facts = { cause: attributes['causeway.cause'], next: attributes['causeway.cause.next'] }
    log[severity](facts, body)
  }
}
