/** `35.2 ms`, with as many digits as mean something. */
export const showMs = (ms: number): string => `${ms >= 100 ? Math.round(ms) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)} ms`
