import type { MtuMeasured, PathMtu } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Family, Outcome, Warning } from '../wire/result.ts'
import { fail, ok, unmeasured } from './finding.ts'
import type { EchoSearch } from './mtu-echo.ts'
import { type DirectionSeen, mssOf, type TcpSearch } from './mtu-tcp.ts'

/** All that the two searches brought; `tcp` is absent without a port. */
export type MtuSeen = { endpoint: string; family: Family; echo: EchoSearch; tcp?: TcpSearch }

/** The measurement as it is reported: each direction from what TCP met, filled up by what ICMP found. */
export const measureMtu = (seen: MtuSeen): MtuMeasured => {
  const forward = forwardOf(seen)
  const reverse = reverseOf(seen, forward)
  const holes = [forward, reverse].filter(d => d.blackHole && d.pathMtu !== null).map(d => d.pathMtu!)
  return {
    endpoint: seen.endpoint,
    forward,
    reverse,
    localMtu: seen.echo.localMtu,
    recommendedMss: holes.length > 0 ? mssOf(Math.min(...holes), seen.family) : null,
    echoMtu: seen.echo.echoMtu,
    steps: seen.tcp?.steps ?? [],
    facts: factsOf(seen, forward, reverse),
  }
}

const unknown: PathMtu = { pathMtu: null, method: 'none', signal: 'none', atLeast: true, tcpPacket: null, blackHole: false, clamped: false }

/** A packet-too-big is believed when an echo of the size it announces has passed, or when only silence lies below it. */
const signalOf = (echo: EchoSearch): Pick<PathMtu, 'signal' | 'signalFrom' | 'signalMtu'> =>
  echo.tooBig ? { signal: 'packet_too_big', signalFrom: echo.tooBig.from, signalMtu: echo.tooBig.mtu } : { signal: 'none' }

const holeOf = (base: PathMtu, { passed, lost }: DirectionSeen, echo: EchoSearch): PathMtu => {
  const next = (passed ?? 0) + 1
  const method = passed === null ? 'none' : 'mss_sweep'
  return { ...base, pathMtu: passed, method, atLeast: lost !== next && echo.silentAt !== next, blackHole: true }
}

/** The MTU of plain Ethernet: a peer that asks for no more has clamped nothing. */
const ethernet = 1500

const forwardOf = ({ echo, tcp }: MtuSeen): PathMtu => {
  const full = tcp?.forward.full
  const tcpPacket = full?.tcpPacket ?? null
  const base: PathMtu = { ...unknown, ...signalOf(echo), tcpPacket }
  if (full?.passed === false) return holeOf(base, tcp!.forward, echo)
  const fits = echo.silentAt !== null && tcpPacket !== null && tcpPacket < echo.silentAt
  const clamped = full?.limitedByPeer === true && fits && tcpPacket !== ethernet
  if (full?.pathMtu) return { ...base, pathMtu: full.pathMtu, method: 'tcp_info', signal: 'packet_too_big', atLeast: false }
  if (echo.tooBig && (full?.passed !== true || tcpPacket! <= echo.tooBig.mtu))
    return { ...base, pathMtu: echo.tooBig.mtu, method: 'icmp', atLeast: false, clamped }
  const byTcp = full?.passed === true ? tcpPacket! : null
  const byEcho = echo.echoMtu
  if (byEcho !== null && byEcho >= (byTcp ?? 0)) {
    const exact = byEcho === echo.localMtu || echo.silentAt === byEcho + 1
    return { ...base, pathMtu: byEcho, method: 'icmp', atLeast: !exact, clamped }
  }
  return byTcp === null ? base : { ...base, pathMtu: byTcp, method: 'mss_sweep', atLeast: byTcp !== echo.localMtu }
}

const reverseOf = ({ echo, tcp }: MtuSeen, forward: PathMtu): PathMtu => {
  const full = tcp?.reverse.full
  const base: PathMtu = { ...unknown, tcpPacket: full?.tcpPacket ?? null }
  if (full?.passed === false) return holeOf(base, tcp!.reverse, echo)
  if (full?.passed === true)
    return {
      ...base,
      pathMtu: full.tcpPacket,
      method: 'mss_sweep',
      atLeast: full.tcpPacket! !== echo.localMtu,
    }
  if (full?.cut && full.largestSeen !== null) {
    const size = full.largestSeen
    // The peer's own interface explains its packets when our packets to it have the same limit.
    const natural = !full.gap && forward.tcpPacket !== null && size >= forward.tcpPacket
    if (natural) return { ...base, tcpPacket: size, pathMtu: size, method: 'tcp_info', atLeast: true }
    return {
      ...base,
      tcpPacket: size,
      pathMtu: size,
      method: 'tcp_info',
      signal: full.gap ? 'packet_too_big' : 'none',
      atLeast: false,
      clamped: !full.gap,
    }
  }
  const byTcp = full?.largestSeen ?? null
  if (byTcp === null && echo.echoMtu === null) return base
  const known = {
    ...base,
    pathMtu: Math.max(byTcp ?? 0, echo.echoMtu ?? 0),
    method: (echo.echoMtu ?? 0) >= (byTcp ?? 0) ? ('icmp' as const) : ('tcp_info' as const),
  }
  // Requests of that size pass as TCP segments, their echoes vanish: it is the replies that are lost.
  const repliesLost =
    echo.silentAt !== null && forward.pathMtu !== null && forward.pathMtu >= echo.silentAt && !full?.handshake && tcp !== undefined
  return repliesLost && base.tcpPacket !== null && base.tcpPacket >= echo.silentAt! ? { ...known, atLeast: false, blackHole: true } : known
}

const factsOf = ({ echo, tcp }: MtuSeen, forward: PathMtu, reverse: PathMtu): string[] => {
  const facts: string[] = []
  if (echo.tooBig) facts.push(`${echo.tooBig.from} answers packets that are too big and announces ${echo.tooBig.mtu} bytes`)
  if (echo.silentAt !== null && forward.tcpPacket !== null && !forward.blackHole && !reverse.blackHole)
    facts.push(`echoes of ${echo.silentAt} bytes and more vanish without a packet-too-big, and TCP sends at most ${forward.tcpPacket} here`)
  if (echo.localMtu !== null && forward.tcpPacket !== null && tcp?.forward.full?.limitedByPeer && forward.tcpPacket < echo.localMtu)
    facts.push(`this interface's MTU is ${echo.localMtu}, the peer's MSS keeps TCP at ${forward.tcpPacket}`)
  if (tcp?.problem) facts.push(tcp.problem)
  return facts
}

/** A hole is a failure only at sizes that TCP sends in that direction; elsewhere it is a fact. */
export const judgeMtu = (measured: MtuMeasured, seen: MtuSeen, options: Options['mtu']): { outcome: Outcome; warnings: Warning[] } => {
  const { forward, reverse } = measured
  const holes = [say('forward', forward), say('reverse', reverse)].filter(text => text !== undefined)
  if (holes.length > 0) return { outcome: fail('mtu_black_hole', holes.join('; ')), warnings: [] }
  const sizes = [forward.pathMtu, reverse.pathMtu].filter(size => size !== null)
  if (sizes.length === 0) return { outcome: judgeNothing(seen), warnings: [] }
  const required = options.requiredMtu
  if (required !== undefined && Math.min(...sizes) < required)
    return {
      outcome: fail('mtu_below_required', `forward ${forward.pathMtu}, reverse ${reverse.pathMtu} bytes, want ${required}`),
      warnings: [],
    }
  const silent = seen.echo.silentAt !== null && forward.tcpPacket === null
  const detail = `echoes of ${seen.echo.silentAt} bytes and more vanish without a packet-too-big; name a TCP port to learn whether TCP sends such packets`
  return { outcome: ok, warnings: silent ? [{ code: 'signal_lost', detail }] : [] }
}

const say = (direction: string, d: PathMtu): string | undefined => {
  if (!d.blackHole) return undefined
  const size = d.pathMtu === null ? "TCP's packets" : `packets above ${d.pathMtu} bytes`
  return `${direction}: ${size} vanish${d.signal === 'none' ? ' without a packet-too-big' : ''}, TCP sends up to ${d.tcpPacket}`
}

const judgeNothing = ({ echo, tcp, endpoint }: MtuSeen): Outcome => {
  if (echo.problem?.kind === 'unmeasured') return echo.problem
  const why = tcp?.forward.full?.detail ?? 'no TCP port was named'
  const echoes = echo.sent > 0 ? `no echo came back from ${endpoint}` : `there was no time left to send echoes to ${endpoint}`
  return unmeasured('unsupported', `${echoes}, and TCP showed nothing: ${tcp?.problem ?? why}`)
}
