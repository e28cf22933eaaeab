/** How much a responder gives away, and to whom. A responder that anyone can reach must not become anyone's tool. */
export type ResponderLimits = {
  /** Datagrams a second, from one source and in all. What is over is not answered. */
  datagramsPerSource: number
  datagrams: number
  /** Hellos a second in all: they are answered before the source has shown that it receives. */
  hellos: number
  /** UDP sessions at a time, of one source and in all, and how long one may be silent. */
  sessionsPerSource: number
  sessions: number
  sessionIdleMs: number
  /** New connections a second. What is over is reset. */
  connectsPerSource: number
  connects: number
  /** Connections at a time. What is over is reset. */
  connectionsPerSource: number
  connections: number
  /** TLS handshakes under way. */
  handshakes: number
  handshakeMs: number
  /** A connection on which nothing moves, and any connection. */
  idleMs: number
  totalMs: number
  /** Payload bytes a second that are received; what is over waits. */
  bytesPerSource: number
  bytes: number
  /** Payload of one connection. */
  payloadBytes: number
}

/** Hundreds of agents may share the address of a NAT: so a source gets a tenth of everything. */
export const defaultLimits: ResponderLimits = {
  datagramsPerSource: 2000,
  datagrams: 20_000,
  hellos: 2000,
  sessionsPerSource: 800,
  sessions: 8192,
  sessionIdleMs: 30_000,
  connectsPerSource: 200,
  connects: 2000,
  connectionsPerSource: 100,
  connections: 1000,
  handshakes: 64,
  handshakeMs: 5000,
  idleMs: 10_000,
  totalMs: 120_000,
  bytesPerSource: 64 * 2 ** 20,
  bytes: 256 * 2 ** 20,
  payloadBytes: 100 * 2 ** 20,
}

type Bucket = { tokens: number; atMs: number }

/** Sources that are told apart at a time; more share what is left. */
const mostSources = 16_384

/**
 * Token buckets, one per source and one for all, each of one second's worth. `take` spends if both have enough; `borrow` spends in any case and
 * tells for how many ms the caller has to wait until what it owes is there.
 */
export type Rate = { take(source: string, amount?: number): boolean; borrow(source: string, amount: number): number }

export const buildRate = (perSource: number, inAll: number, nowMs: () => number): Rate => {
  const buckets = new Map<string, Bucket>()
  const all: Bucket = { tokens: inAll, atMs: nowMs() }
  const others: Bucket = { tokens: perSource, atMs: nowMs() }
  const fill = (bucket: Bucket, rate: number, now: number): Bucket => {
    bucket.tokens = Math.min(rate, bucket.tokens + ((now - bucket.atMs) / 1000) * rate)
    bucket.atMs = now
    return bucket
  }
  const bucketOf = (source: string, now: number): Bucket => {
    const known = buckets.get(source)
    if (known) return known
    if (buckets.size >= mostSources) {
      // A bucket that is full again says no more than none.
      for (const [key, bucket] of buckets) if (now - bucket.atMs > 1000) buckets.delete(key)
      if (buckets.size >= mostSources) return others
    }
    const made = { tokens: perSource, atMs: now }
    buckets.set(source, made)
    return made
  }
  return {
    take(source, amount = 1) {
      const now = nowMs()
      const own = fill(bucketOf(source, now), perSource, now)
      fill(all, inAll, now)
      if (own.tokens < amount || all.tokens < amount) return false
      own.tokens -= amount
      all.tokens -= amount
      return true
    },
    borrow(source, amount) {
      const now = nowMs()
      const own = fill(bucketOf(source, now), perSource, now)
      fill(all, inAll, now)
      own.tokens -= amount
      all.tokens -= amount
      return Math.max(0, (-own.tokens / perSource) * 1000, (-all.tokens / inAll) * 1000)
    },
  }
}

/** What counts as one source: an IPv4 address, or an IPv6 network of 64 bits, of which one host has all addresses (RFC 4291 §2.5.4). */
export const sourceOf = (address: string): string => {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped) return mapped[1]!
  const [head = ''] = address.split('%')
  const [front = '', back = ''] = head.split('::')
  const left = front === '' ? [] : front.split(':')
  const right = back === '' ? [] : back.split(':')
  const groups = head.includes('::') ? [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right] : left
  return groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}

/** How many there are at a time, of one source and in all. */
export const buildPlaces = (perSource: number, inAll: number) => {
  const bySource = new Map<string, number>()
  let count = 0
  const hasRoom = (source: string): boolean => (bySource.get(source) ?? 0) < perSource && count < inAll
  return {
    count: (): number => count,
    hasRoom,
    enter(source: string): boolean {
      if (!hasRoom(source)) return false
      bySource.set(source, (bySource.get(source) ?? 0) + 1)
      count += 1
      return true
    },
    leave(source: string): void {
      const own = bySource.get(source) ?? 0
      if (own <= 1) bySource.delete(source)
      else bySource.set(source, own - 1)
      count -= 1
    },
  }
}
export type Places = ReturnType<typeof buildPlaces>
