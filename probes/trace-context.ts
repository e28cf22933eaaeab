/** W3C Trace Context: the service's own spans get ours as their parent. */
export type TraceContext = { traceId: string; spanId: string }

/** From 24 random bytes; an id of zeros alone is not valid (W3C Trace Context §3.2.2.3, §3.2.2.4). */
export const traceContextOf = (random: Uint8Array): TraceContext => {
  const hex = Buffer.from(random).toString('hex').padEnd(48, '0').slice(0, 48)
  const nonZero = (id: string): string => (/^0+$/.test(id) ? id.replace(/0$/, '1') : id)
  return { traceId: nonZero(hex.slice(0, 32)), spanId: nonZero(hex.slice(32)) }
}

/** Version 00, sampled: a run is worth its trace. */
export const traceparentOf = ({ traceId, spanId }: TraceContext): string => `00-${traceId}-${spanId}-01`
