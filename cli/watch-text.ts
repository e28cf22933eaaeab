/** The words of `probe watch`: its lines, its table of outages, its summary. Pure. */
import { sayLength } from '../judge/watch/summary.ts'
import type { Change, Outage, WatchDocument, WatchEvent, WatchStep } from '../wire/watch.ts'
import { type Column, tableLines } from './table.ts'
import { flow, type Style } from './terminal.ts'

export const msText = (ms: number): string => (ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : String(Math.round(ms)))

/** The wall clock's time of something so many ms after the start; by the monotonic clock, so that a step of the wall clock shows nowhere. */
export const clockText = (startedAt: string, atMs: number): string => new Date(Date.parse(startedAt) + atMs).toISOString().slice(11, 23)

const changeText = <T>({ before, after }: Change<T>, say: (value: T) => string): string | undefined => {
  if (before === null && after === null) return undefined
  if (before === null || after === null) return say((before ?? after)!)
  return say(before) === say(after) ? say(after) : `${say(before)} → ${say(after)}`
}

const columns = (startedAt: string): Column<Outage>[] => [
  { title: '#', of: ({ number }) => String(number), right: true, spare: 5 },
  { title: 'began', of: ({ beganMs }) => clockText(startedAt, beganMs), paint: () => text => text },
  { title: 'length', of: ({ lengthMs }) => sayLength(lengthMs), right: true },
  { title: '±', of: ({ uncertainMs }) => sayLength(uncertainMs), right: true, spare: 8 },
  { title: 'lost', of: ({ lost }) => String(lost), right: true, spare: 4 },
  { title: 'way', of: ({ direction }) => direction, spare: 3 },
  { title: 'rtt ms', of: ({ rttMs }) => changeText(rttMs, msText), spare: 2, paint: () => text => text },
  { title: 'ttl', of: ({ ttl }) => changeText(ttl, String), spare: 6, paint: () => text => text },
  { title: 'mtu', of: ({ mtu }) => changeText(mtu, String), spare: 7, paint: () => text => text },
]

export const outageTable = (outages: readonly Outage[], startedAt: string, style: Style, width: number | undefined): string[] =>
  outages.length === 0 ? [] : tableLines(columns(startedAt), outages, style, width)

const units: Record<WatchStep['what'], string> = { rtt: ' ms', ttl: '', mtu: ' bytes', route: '' }
const names: Record<WatchStep['what'], string> = { rtt: 'round trip', ttl: 'TTL', mtu: 'path MTU', route: 'route' }

export const stepText = ({ what, before, after }: WatchStep): string => {
  const say = (value: number | string) => (what === 'rtt' ? msText(Number(value)) : String(value))
  return `${names[what]} ${say(before)} → ${say(after)}${units[what]}`
}

/** A line for what happened; undefined for what deserves none. */
export const eventLine = (event: WatchEvent, startedAt: string, style: Style): string | undefined => {
  const at = (ms: number) => style.dim(clockText(startedAt, ms))
  const { symbols } = style
  switch (event.type) {
    case 'outage_began':
      return `${at(event.outage.beganMs)}  ${style.bad(`${symbols.fail} down`)}${event.outage.error ? `  ${event.outage.error}` : ''}`
    case 'outage_ended': {
      const { endedMs, lengthMs, lost, direction, responderForgot } = event.outage
      const way = direction ? `, ${direction === 'both' ? 'both ways' : `${direction} only`}` : ''
      const forgot = responderForgot ? ', and the responder had forgotten us' : ''
      return `${at(endedMs!)}  ${style.good(`${symbols.ok} up`)}  after ${sayLength(lengthMs)}, ${lost} lost${way}${forgot}`
    }
    case 'step':
      return `${at(event.step.atMs)}  ${style.warn(`${symbols.warn} ${stepText(event.step)}`)}`
    case 'blind':
      return `${at(event.atMs)}  ${style.dim(`${symbols.none} this machine was busy for ${sayLength(event.lengthMs)}: nothing was sent`)}`
    default:
      return undefined
  }
}

const percent = (share: number): string => `${share === 0 ? '0' : (share * 100).toFixed(share < 0.001 ? 3 : 2)} %`

export const summaryLines = (document: WatchDocument, style: Style): string[] => {
  const { sent, lost, late, duplicates, rttMs, durationMs, downMs, blindMs, overflow, latenessMs } = document
  const [mark, paint] = {
    ok: [style.symbols.ok, style.good],
    fail: [style.symbols.fail, style.bad],
    unmeasured: [style.symbols.none, style.dim],
  }[document.verdict] as [string, (text: string) => string]
  const decided = Math.max(1, sent)
  const pieces = [
    `${sent} probes in ${sayLength(durationMs)}`,
    `${lost} lost (${percent(lost / decided)})`,
    ...(late ? [`${late} late`] : []),
    ...(duplicates ? [`${duplicates} twice`] : []),
    ...(rttMs ? [`rtt p50 ${msText(rttMs.p50)} p99 ${msText(rttMs.p99)} max ${msText(rttMs.max)} ms`] : []),
    ...(downMs ? [`down ${sayLength(downMs)} (up ${(100 - (100 * downMs) / Math.max(1, durationMs)).toFixed(3)} %)`] : []),
    ...(latenessMs ? [`sent late by p99 ${msText(latenessMs.p99)} ms`] : []),
  ]
  return [
    ...flow(pieces, style.width),
    ...(blindMs ? [style.warn(`${style.symbols.warn} for ${sayLength(blindMs)} this machine was busy and nothing was sent`)] : []),
    ...(overflow
      ? [style.warn(`${style.symbols.warn} ${overflow} answers were dropped by this machine's own buffer: raise net.core.rmem_max`)]
      : []),
    paint(`${mark} ${document.detail}`),
  ]
}
