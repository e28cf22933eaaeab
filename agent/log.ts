/** What an agent or a controller says of itself: one JSON line each, on stderr, for people and for log collectors. */
export type Log = {
  info(facts: Record<string, unknown>, message: string): void
  warn(facts: Record<string, unknown>, message: string): void
  error(facts: Record<string, unknown>, message: string): void
}
