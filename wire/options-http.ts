/** The options of an HTTP request; what schemas are is in options.ts. */
import { alpn, pem, sni, source, timeoutMs } from './option-parts.ts'
import { tokenOptions } from './options-federation.ts'

/** A bearer from a token source, fresh in every run. */
const bearer = {
  ...tokenOptions,
  tokenFrom: {
    ...tokenOptions.tokenFrom,
    enum: ['file', 'url', 'azure', 'gcp'],
    description: 'where the bearer of the request comes from: a file, a URL, or the metadata service of azure or gcp',
  },
  tokenFile: {
    ...tokenOptions.tokenFile,
    description: 'file with the bearer of the request, read again for every run; not sent on to another host',
  },
  tokenUrl: { ...tokenOptions.tokenUrl, description: 'URL that gives the bearer of the request' },
  audience: { ...tokenOptions.audience, description: 'of azure or gcp: whom the bearer is to be for' },
  environment: { type: 'object', additionalProperties: { type: 'string' }, description: tokenOptions.environment.description },
} as const

export const http = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'scheme', 'method', 'path', 'headers', 'expectStatus', 'maxBodyBytes', 'redirects', 'alpn'],
  properties: {
    timeoutMs,
    source,
    scheme: { enum: ['https', 'http'], default: 'https', description: 'over TLS or not; the target says so in its URL' },
    method: { enum: ['GET', 'HEAD', 'POST'], default: 'GET', description: 'request method' },
    path: { type: 'string', default: '/', pattern: '^/[!-~]*$', description: 'path and query' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string' },
      default: {},
      description: 'request headers; never shown, and not sent on to another host',
    },
    ...bearer,
    body: { type: 'string', maxLength: 65_536, description: 'body of a POST' },
    expectStatus: {
      type: 'array',
      items: { type: 'string', pattern: '^[1-5]\\d\\d(-[1-5]\\d\\d)?$|^[1-5]xx$' },
      default: ['200-399'],
      description: 'statuses that are right: 200, 200-299 or 2xx',
    },
    expectBody: { type: 'string', description: 'text that the body must contain' },
    expectPattern: { type: 'string', description: 'regular expression that the body must match' },
    maxBodyBytes: { type: 'integer', default: 2 ** 20, minimum: 0, maximum: 16 * 2 ** 20, description: 'how much of the body is read' },
    redirects: { type: 'integer', default: 0, minimum: 0, maximum: 20, description: 'redirects to follow' },
    grpcService: { type: 'string', maxLength: 1000, description: 'ask the gRPC health service for this service; empty: the whole server' },
    sni,
    alpn: { ...alpn, description: 'application protocols to offer: h2, http/1.1; default: http/1.1, for gRPC h2' },
    ...pem,
  },
} as const
