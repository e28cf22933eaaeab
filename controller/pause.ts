import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after so long, or when the signal ends it. */
export const pause = (ms: number, stop: AbortSignal): Promise<void> => sleep(ms, undefined, { signal: stop }).catch(() => {})
