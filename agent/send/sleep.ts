/** Resolves after so long, when the signal ends it, or with `sooner`, whose own signal says that it is over. */
export const sleepUnless = async (ms: number, signal: AbortSignal, sooner: (over: AbortSignal) => Promise<unknown>): Promise<void> => {
  const over = new AbortController()
  const ending = AbortSignal.any([signal, over.signal])
  await Promise.race([sleep(ms, ending), sooner(ending)])
  over.abort()
}

/** Resolves after so long, or when the signal ends it. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
