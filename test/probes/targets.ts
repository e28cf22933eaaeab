import type { Test } from 'tap'
import type { Resolved } from '../../probes/finding.ts'
import { runProbe } from '../../probes/index.ts'
import type { Options } from '../../wire/options.ts'
import type { Kind, Outcome, Result } from '../../wire/result.ts'

type At = { host: string; port: number }

/** A server as a target, under a name that its certificates have. */
export const targetOf = ({ host: address, port }: At, host = 'svc.test'): Resolved => ({
  host,
  address,
  family: address.includes(':') ? 6 : 4,
  port,
})

/** An address without a port. */
export const addressOf = (address: string): Resolved => ({ host: address, address, family: address.includes(':') ? 6 : 4 })

const never = new AbortController().signal

/** One run that nobody stops, of two seconds unless told. */
export const run = <K extends Kind>(kind: K, target: Resolved, options: Partial<Options[K]> = {}, stop = never): Promise<Result<K>> =>
  runProbe(kind, target, { timeoutMs: 2000, ...options }, stop)

/** An outcome in a word: `ok`, or the reason. */
export const word = (outcome: Outcome): string => (outcome.kind === 'ok' ? 'ok' : outcome.reason)

/** Starts a server that ends with the test. */
export async function started<S extends { close(): Promise<void> | void }>(t: Test, starting: Promise<S> | S): Promise<S> {
  const server = await starting
  t.teardown(() => server.close())
  return server
}
