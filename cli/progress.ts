/** A line on stderr that says what takes so long, rewritten in place; only on a terminal. */
import type { Kind } from '../wire/result.ts'
import type { Io } from './io.ts'
import type { RunEvent } from './reporter.ts'
import type { Style } from './terminal.ts'

export type Progress = { event(index: number, event: RunEvent): void; clear(): void; close(): void }

const silent: Progress = { event: () => {}, clear: () => {}, close: () => {} }
const doing: Record<Kind, string> = {
  dns: 'looking up the name',
  icmp: 'waiting for replies',
  trace: 'finding the hops',
  udp: 'counting datagrams',
  mtu: 'searching the path MTU',
  tcp: 'connecting',
  tls: 'shaking hands',
  mtls: 'shaking hands both ways',
  bundle: 'fetching the bundle',
  http: 'waiting for an answer',
  federation: 'asking for a credential',
}
/** Nobody needs to be told of what is over in a blink. */
const patienceMs = 500
const everyMs = 250

/** `clear` before anything else is printed on the same terminal. */
export const buildProgress = (io: Io, style: Style): Progress => {
  if (!io.stderr.isTTY || io.env.TERM === 'dumb') return silent
  const startMs = io.elapsedMs()
  const running = new Map<string, Kind>()
  const openHeads = new Set<number>()
  let shown = false
  const clear = () => {
    if (shown) io.stderr.write('\r\u001b[2K')
    shown = false
  }
  const draw = () => {
    const elapsedMs = io.elapsedMs() - startMs
    // A first line that still waits for its address must not be overwritten.
    if (elapsedMs < patienceMs || !running.size || (openHeads.size && io.stdout.isTTY)) return
    const what = [...new Set(running.values())].map(kind => doing[kind]).join(', ')
    const text = style.fit(`${what} ${style.symbols.ellipsis} ${Math.round(elapsedMs / 1000)} s`)
    clear()
    io.stderr.write(style.dim(`  ${text.slice(0, (io.stderr.columns ?? 80) - 3)}`))
    shown = true
  }
  const timer = setInterval(draw, everyMs)
  timer.unref()
  return {
    event: (index, event) => {
      if (event.type === 'begin') openHeads.add(index)
      if (event.type === 'resolved' || event.type === 'end') openHeads.delete(index)
      if (event.type === 'started') running.set(`${index} ${event.kind}`, event.kind)
      if (event.type === 'step') running.delete(`${index} ${event.result.kind}`)
    },
    clear,
    close: () => {
      clearInterval(timer)
      clear()
    },
  }
}
