import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isRedirect, judgeRedirect, showUrl } from '../judge/http.ts'
import type { HttpMeasured } from '../wire/measured-http.ts'
import type { Options } from '../wire/options.ts'
import type { Family, Outcome, Warning } from '../wire/result.ts'
import type { Allow } from './allow.ts'
import { aborted, fail, type Resolved, timedOut, unmeasured } from './finding.ts'
import { type Hop, hostField } from './http-connect.ts'
import type { Exchange } from './http-exchange.ts'

/** The first server is the target; a text says what is wrong with its name or the path. */
export const firstHop = (target: Resolved, options: Options['http']): Hop | string => {
  const { scheme, path, method } = options
  const port = target.port ?? (scheme === 'https' ? 443 : 80)
  if (!/^\/[!-~]*$/.test(path)) return `the path must begin with / and have no spaces, it is ${JSON.stringify(path.slice(0, 80))}`
  const host = hostField({ url: new URL(`${scheme}://a/`), host: target.host, port })
  const text = `${scheme}://${host}${path}`
  if (!/^[!-~]+$/.test(target.host) || /[/?#@\\]/.test(target.host) || !URL.canParse(text))
    return `${JSON.stringify(target.host.slice(0, 80))} can't be the host of a URL`
  const { address, family } = target
  return {
    url: new URL(text),
    method: options.grpcService === undefined ? method : 'POST',
    host: target.host,
    address,
    family,
    port,
    isFirst: true,
  }
}

export type Next = { hop: Hop; warnings: Warning[]; dnsMs: number } | { outcome: Outcome } | undefined

/** Where a redirect leads: the name looked up once, in the target's family, and its address judged by the policy before anybody dials it. */
export const nextHop = async (
  hop: Hop,
  { status, headers }: Exchange,
  measured: HttpMeasured,
  options: Options['http'],
  signal: AbortSignal,
  allow: Allow,
): Promise<Next> => {
  if (status === null || options.redirects === 0 || !isRedirect(status)) return undefined
  if (measured.redirects.length >= options.redirects)
    return { outcome: fail('http_status', `redirected more than ${options.redirects} times, last by status ${status}`) }
  const { location } = headers
  const judged = judgeRedirect(status, location, hop.url, hop.method)
  if (typeof judged === 'string') return { outcome: fail('http_status', judged) }
  const { url, method, sameOrigin, crossScheme } = judged
  measured.redirects.push({ status, to: showUrl(url), crossScheme })
  const warnings: Warning[] =
    crossScheme && url.protocol === 'http:' ? [{ code: 'redirect_downgrade', detail: `${showUrl(hop.url)} leads to ${showUrl(url)}` }] : []
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const start = performance.now()
  const address = host === hop.url.hostname.replace(/^\[|\]$/g, '') ? hop.address : await resolve(host, hop.family, signal)
  if (typeof address !== 'string') return { outcome: address }
  const family = isIP(address.split('%')[0]!) as Family
  const refusal = allow({ kind: 'http', address, port, ...(options.source !== undefined && { source: options.source }) })
  if (refusal !== undefined) return { outcome: unmeasured('target_denied', `redirected to ${showUrl(url)}: ${refusal}`) }
  const next: Hop = { url, method, host, address, family, port, isFirst: hop.isFirst && sameOrigin }
  return { hop: next, warnings, dnsMs: performance.now() - start }
}

const resolve = async (host: string, family: Family, signal: AbortSignal): Promise<string | Outcome> => {
  if (isIP(host) !== 0) return host
  const stopped = new Promise<undefined>(done => signal.addEventListener('abort', () => done(undefined), { once: true }))
  try {
    // getaddrinfo can't be stopped; what it still finds is not used.
    const found = signal.aborted ? undefined : await Promise.race([lookup(host, { family }), stopped])
    if (found) return found.address
    return timedOut(signal) ? fail('dns_timeout', `redirected to ${host}: no answer in time`) : aborted
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOTFOUND' || code === 'ENODATA' ? 'dns_not_found' : 'dns_server_failure'
    return fail(reason, `redirected to ${host}: ${code}`)
  }
}
