import type { LogEvent } from '../../wire/otlp-logs.ts'

/** Of one agent: what people read, and what is enough to see that it goes on. */
const perMinute = 120
const minuteMs = 60_000

/** How many events of an agent are kept: those beyond are left out, and counted. */
export class EventBudget {
  leftOut = 0
  #minute = 0
  readonly #used = new Map<string, number>()

  take(agent: string, events: readonly LogEvent[], nowMs: number): readonly LogEvent[] {
    if (events.length === 0) return events
    const minute = Math.floor(nowMs / minuteMs)
    if (minute !== this.#minute) this.#used.clear()
    this.#minute = minute
    const used = this.#used.get(agent) ?? 0
    const taken = events.slice(0, Math.max(0, perMinute - used))
    this.#used.set(agent, used + taken.length)
    this.leftOut += events.length - taken.length
    return taken
  }
}
