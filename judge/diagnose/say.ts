import { type Cause, type Diagnosis, type Fix, layerOfCause } from '../../wire/causes.ts'
import type { Kind, Target } from '../../wire/result.ts'

/** A diagnosis with the layer that belongs to its cause. */
export const buildDiagnosis = (cause: Cause, rest: Omit<Diagnosis, 'cause' | 'layer'>): Diagnosis => ({
  cause,
  layer: layerOfCause(cause),
  ...rest,
})

/** The facts that apply. */
export const listFacts = (...facts: (string | false | null | undefined)[]): string[] =>
  facts.filter(fact => typeof fact === 'string' && fact !== '') as string[]

/**
 * Text that came from the network, made harmless for a terminal: one line, no control characters, not endless.
 * Such text goes into sentences only, never into a command that people will paste into a shell.
 */
export const clean = (text: string): string => {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

const bracket = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host)

/** The host as the user wrote it. */
export const hostOf = (target: Target): string => clean(target.host)

/** `host:port`, IPv6 in brackets; without the port when there is none. */
export const placeOf = (target: Target): string => {
  const host = bracket(hostOf(target))
  return target.port === undefined ? host : `${host}:${target.port}`
}

export const sayPort = (target: Target): string => (target.port === undefined ? 'the port' : `port ${target.port}`)

/** `address:port` as resolved, for commands that should go to that very host. */
export const addressOf = (target: Target): string => placeOf({ ...target, host: target.address ?? target.host })

const schemes: Partial<Record<Kind, string>> = { bundle: 'bundle+https', http: 'https' }

/** A `probe run` of the whole ladder, or of one kind. ICMP and DNS have no port. Options and paths that were given are added by who knows them. */
export const buildRun = (target: Target, kind?: Kind, options = ''): string => {
  const place = kind === 'icmp' || kind === 'dns' ? bracket(hostOf(target)) : placeOf(target)
  return `probe run ${kind === undefined ? '' : `${schemes[kind] ?? kind}://`}${place}${options === '' ? '' : ` ${options}`}`
}

/** An `openssl s_client` to that very host, for the name that was asked for; an address is no server name (RFC 6066 §3). */
export const buildOpenssl = (target: Target, options = ''): string => {
  const name = /[:%]|^[\d.]+$/.test(target.host) ? '' : ` -servername ${hostOf(target)}`
  return `openssl s_client -connect ${addressOf(target)}${name}${options === '' ? '' : ` ${options}`} </dev/null`
}

/** The kind whose handshake shows a certificate: the one that failed, so that the next run sees the same. */
export const tlsKindOf = ({ kind }: { kind: Kind }): Kind => (overTls.includes(kind) ? kind : 'tls')

const overTls: readonly Kind[] = ['mtls', 'bundle', 'http']

export const sayPercent = (ratio: number): string => {
  const percent = ratio * 100
  return `${percent >= 10 || Number.isInteger(percent) ? Math.round(percent) : percent.toFixed(1)} %`
}

export const sayMs = (ms: number): string => `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))} ms`

/** `a`, `a and b`, `a, b and c`. */
export const sayList = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`

export const sayBytes = (bytes: number | null): string => (bytes === null ? 'an unknown size' : `${bytes} bytes`)

export const fix = (where: string, command: string): Fix => ({ where, command })

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
