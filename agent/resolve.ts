/**
 * Names to addresses, once per run at most and kept for a while: one look-up serves every path to the same name, and the address that is
 * found is the address that is judged by the policy and dialled.
 */
import { isIP } from 'node:net'
import type { Resolved } from '../probes/finding.ts'
import { runProbe } from '../probes/index.ts'
import type { Family, Result } from '../wire/result.ts'
import type { Path } from './path.ts'
import type { Clock } from './schedule.ts'

/** How long an answer is used: short enough to follow a failover by DNS, long enough to spare the resolver. */
const keptMs = 30_000
const lookUpMs = 5000

/** The target with its address, or the failed look-up. */
export type Resolve = (path: Path, stop: AbortSignal) => Promise<{ target: Resolved } | { failed: Result<'dns'> }>

type Entry = { result: Promise<Result<'dns'>>; atMs: number }

export const createResolve = (clock: Pick<Clock, 'elapsedMs'>): Resolve => {
  const known = new Map<string, Entry>()
  const literals = new WeakMap<Path, Awaited<ReturnType<Resolve>>>()
  return async (path, stop) => {
    const literal = literals.get(path)
    if (literal) return literal
    const { host, port, target, options } = path
    const named = { name: target.name, host, port }
    const literalFamily = isIP(host.split('%')[0]!) as Family | 0
    if (literalFamily) {
      const found = { target: Object.freeze({ ...named, address: host, family: literalFamily }) }
      literals.set(path, found)
      return found
    }
    const key = `${host} ${target.family ?? ''}`
    const now = clock.elapsedMs()
    let entry = known.get(key)
    if (!entry || now - entry.atMs > keptMs) {
      entry = { result: lookUp(named as Resolved, target.family, options.timeoutMs, stop), atMs: now }
      known.set(key, entry)
      forget(known, now)
    }
    const dns = await entry.result
    const address = dns.measured.addresses?.find(one => isIP(one))
    if (address) return { target: { ...named, address, family: isIP(address) as Family } }
    // A failure is not kept: the next run asks again.
    if (known.get(key) === entry) known.delete(key)
    return { failed: dns }
  }
}

const lookUp = (target: Resolved, family: Family | undefined, timeoutMs: number, stop: AbortSignal): Promise<Result<'dns'>> =>
  runProbe('dns', target, { family, timeoutMs: Math.min(lookUpMs, timeoutMs) }, stop)

const forget = (known: Map<string, Entry>, now: number): void => {
  for (const [key, { atMs }] of known) {
    if (now - atMs <= keptMs) return
    known.delete(key)
  }
}
