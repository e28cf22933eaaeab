/** A trace in one line, and the table of its hops below it. */
import type { TraceHop, TraceMeasured } from '../wire/measured-trace.ts'
import { printable } from './printable.ts'
import { showMs } from './show-ms.ts'

/** `7 hops there, 9 back   rtt 35.1 ms   route 3f9a…`. */
export const traceText = ({ hops, reached, forwardHops, returnHops, fingerprint, protocol, flows }: TraceMeasured): string[] => {
  if (hops.length === 0) return []
  const rttMs = hops.find(({ ttl }) => ttl === forwardHops)?.rttMs
  return [
    ...(reached && forwardHops !== null ? [sayLength(forwardHops, returnHops)] : []),
    ...(rttMs === null || rttMs === undefined ? [] : [`rtt ${showMs(rttMs)}`]),
    `by ${protocol}${flows.length > 1 ? `, ${flows.length} flows` : ''}`,
    ...(fingerprint === null ? [] : [`route ${fingerprint}`]),
  ]
}

const sayLength = (there: number, back: number | null): string =>
  `${there} ${there === 1 ? 'hop' : 'hops'} there${back === null ? '' : `, ${back} back`}`

/** One line for each hop, silent ones at the end as one; text columns padded, so that numbers stand below one another. */
export const hopLines = ({ hops }: TraceMeasured): string[] => {
  const last = hops.findLastIndex(({ address }) => address !== null)
  const shown = hops.slice(0, last + 1)
  const rows = shown.map(rowOf)
  const widths = [0, 1, 2, 3].map(column => Math.max(0, ...rows.map(row => row[column]!.length)))
  const lines = rows.map(([ttl, address, rtt, loss, ...notes]) =>
    [ttl!.padStart(widths[0]!), address!.padEnd(widths[1]!), rtt!.padStart(widths[2]!), loss!.padStart(widths[3]!), ...notes]
      .join('  ')
      .trimEnd(),
  )
  const silent = hops.slice(last + 1)
  if (silent.length === 0) return lines
  const [from, to] = [silent[0]!.ttl, silent.at(-1)!.ttl]
  return [...lines, `${from === to ? from : `${from}–${to}`}  *  no answer`]
}

const rowOf = (hop: TraceHop): string[] => {
  const { ttl, address, rttMs, loss, received, addresses, mpls, interfaces, unreachable, rateLimited } = hop
  if (address === null) return [String(ttl), '*', '', '']
  const name = interfaces?.map(one => one.name).find(one => one !== undefined)
  return [
    String(ttl),
    address,
    rttMs === null ? '' : showMs(rttMs),
    loss > 0 ? `${Math.round(loss * 100)} % lost` : '',
    ...(rateLimited ? [`answers ${received} of ${hop.sent}, its own limit`] : []),
    ...(addresses ? [`also ${addresses.filter(one => one !== address).join(', ')}`] : []),
    ...(mpls ? [`MPLS ${mpls.map(({ label }) => label).join('/')}`] : []),
    ...(name === undefined ? [] : [`interface ${printable(name)}`]),
    ...(unreachable ? [unreachable.replaceAll('_', ' ')] : []),
  ]
}
