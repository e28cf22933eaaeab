/** A link with what was promised of it, in the units of the metrics. */
export type FleetLink = { from: string; to: string; objective?: { availability?: number; p95Seconds?: number } }
