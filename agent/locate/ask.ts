/** One small question over HTTP to something nearby: the node's metadata service, or the cluster's API server. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

export type Question = { url: string; method?: 'GET' | 'PUT'; headers?: Record<string, string>; ca?: string }

/** Metadata answers in milliseconds or, behind one hop too many, never. */
export const withinMs = 1000
const mostBytes = 256 * 1024

/** The body of a 200; undefined for anything else. Follows no redirect, uses no proxy. Never rejects. */
export const ask = ({ url, method = 'GET', headers = {}, ca }: Question, signal: AbortSignal): Promise<string | undefined> =>
  new Promise(resolve => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    const ending = AbortSignal.any([signal, AbortSignal.timeout(withinMs)])
    const options = { method, headers, signal: ending, agent: false as const, ...(ca !== undefined && { ca }) }
    const request = send(url, options, response => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes <= mostBytes) parts.push(part)
        else response.destroy()
      })
      response.on('end', () => resolve(response.statusCode === 200 ? Buffer.concat(parts).toString() : undefined))
      response.on('close', () => resolve(undefined))
    })
    request.on('error', () => resolve(undefined))
    request.end()
  })
