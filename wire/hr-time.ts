/** Epoch ms as OpenTelemetry's HrTime: whole seconds, and the nanoseconds beyond them. */
export const toHrTime = (ms: number): [seconds: number, nanoseconds: number] => [Math.floor(ms / 1000), (ms % 1000) * 1e6]
