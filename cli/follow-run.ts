/** Waits for what agents measure because a person asked. */
import { type CheckRun, isOver } from './check-text.ts'
import type { Answer, Client } from './controller-client.ts'

/** How long one question waits for news; a proxy on the way would end longer ones. */
const waitMs = 10_000

type Following = {
  client: Client
  id: string
  /** By `elapsedMs`. */
  untilMs: number
  elapsedMs: () => number
  stop: AbortSignal
  /** Told the run each time, also as it is at the end. */
  onNews?: (run: CheckRun) => void
}

/** The run as it is when it is over, or when time is. */
export const followRun = async ({
  client,
  id,
  untilMs,
  elapsedMs,
  stop,
  onNews,
}: Following): Promise<Answer<{ run: CheckRun; isDone: boolean }>> => {
  for (;;) {
    const leftMs = Math.max(0, untilMs - elapsedMs())
    const query = { wait: `${Math.ceil(Math.min(waitMs, leftMs) / 1000)}s` }
    const run = await client.ask<CheckRun>(`/v1/runs/${encodeURIComponent(id)}`, { query }, stop)
    if (!run.ok) return run
    onNews?.(run.value)
    const isDone = isOver(run.value)
    if (isDone || leftMs === 0) return { ...run, value: { run: run.value, isDone } }
  }
}
