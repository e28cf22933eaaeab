import { type JwtAuthority, readBundleJson } from '../../judge/spiffe/bundle.ts'
import { parseTrustDomain } from '../../judge/spiffe/id.ts'
import type { JsonObject } from '../../judge/spiffe/json.ts'
import { readToken } from '../../judge/spiffe/token.ts'
import { timedOut } from '../finding.ts'
import { type IdentityProblem, problem } from './identity.ts'
import { Secret } from './secret.ts'
import { parseWorkloadApiAddress } from './workload-api-address.ts'
import { explainEnd, statusCodes } from './workload-api-errors.ts'
import { type Method, streamOnce } from './workload-api-stream.ts'
import {
  parseJwtBundlesResponse,
  parseJwtSvidResponse,
  parseValidateResponse,
  writeJwtSvidRequest,
  writeValidateRequest,
} from './workload-jwt-messages.ts'

/** A token of ours. It is as good as a password until it ends. */
export type JwtSvid = { id: string; hint?: string; token: Secret; expiresMs: number | null }

/** One attempt; trouble is a problem beside what is there, never a rejection. */
type Asked<T> = { value?: T; problems: IdentityProblem[] }

/**
 * One call and its first message, given to `parse`, which throws on what is not what it should be. The server's InvalidArgument is about the
 * request, where it is not about the missing header (SPIFFE_Workload_API.md §6).
 */
const askOnce = async <T>(
  socket: string,
  method: Method,
  request: Uint8Array,
  parse: (bytes: Uint8Array, place: string) => T | Promise<T>,
  signal: AbortSignal,
): Promise<Asked<T>> => {
  const { address, problems } = parseWorkloadApiAddress(socket)
  const place = `Workload API at ${socket.slice(0, 200)}`
  if (!address) return { problems }
  const enough = new AbortController()
  let bytes: Buffer | undefined
  const take = (message: Buffer): void => {
    bytes ??= message
    enough.abort()
  }
  const end = await streamOnce(address, method, take, AbortSignal.any([signal, enough.signal]), request)
  if (bytes) {
    try {
      return { value: await parse(bytes, place), problems }
    } catch {
      return {
        problems: [...problems, problem('svid_parse', `${place}: the answer to ${method} is no valid message (${bytes.length} bytes)`)],
      }
    }
  }
  if (signal.aborted) {
    const late = timedOut(signal)
      ? problem('unavailable', `${place}: no answer to ${method} in time`)
      : problem('stopped', 'stopped before the Workload API answered')
    return { problems: [...problems, late] }
  }
  if (end.code === statusCodes.invalidArgument && !/header/i.test(end.details))
    return {
      problems: [...problems, problem('request_refused', `${place} refuses ${method}: ${JSON.stringify(end.details.slice(0, 200))}`)],
    }
  const trouble = await explainEnd(address, place, end)
  return { problems: [...problems, ...(trouble ? [trouble] : [])] }
}

/** Our JWT-SVIDs for these audiences (FetchJWTSVID): one for each identity, or for `spiffeId` alone. What is not a token is left out with a problem. */
export const fetchJwtSvids = async (
  socket: string,
  wanted: { audiences: readonly string[]; spiffeId?: string },
  signal: AbortSignal,
): Promise<{ svids: JwtSvid[]; problems: IdentityProblem[] }> => {
  const found: IdentityProblem[] = []
  const parse = (bytes: Uint8Array, place: string): JwtSvid[] =>
    parseJwtSvidResponse(bytes).flatMap(({ spiffeId, svid, hint }) => {
      const read = readToken(svid)
      const { sub, exp } = read.ok ? read.token.claims : {}
      if (!read.ok || sub !== spiffeId) {
        const why = read.ok ? 'its subject is another' : `it ${read.problem}`
        found.push(problem('svid_parse', `${place}: the JWT-SVID announced as ${spiffeId.slice(0, 300)}: ${why}`))
        return []
      }
      return [{ id: spiffeId, ...(hint ? { hint } : {}), token: new Secret(svid), expiresMs: typeof exp === 'number' ? exp * 1000 : null }]
    })
  const asked = await askOnce(socket, 'FetchJWTSVID', writeJwtSvidRequest(wanted.audiences, wanted.spiffeId), parse, signal)
  return { svids: asked.value ?? [], problems: [...asked.problems, ...found] }
}

/** The keys that sign JWT-SVIDs, by trust domain (FetchJWTBundles): the present state, once. */
export const fetchJwtBundles = async (
  socket: string,
  signal: AbortSignal,
): Promise<{ bundles: Map<string, readonly JwtAuthority[]>; problems: IdentityProblem[] }> => {
  const found: IdentityProblem[] = []
  const parse = (bytes: Uint8Array, place: string): Map<string, readonly JwtAuthority[]> => {
    const bundles = new Map<string, readonly JwtAuthority[]>()
    for (const [id, document] of parseJwtBundlesResponse(bytes)) {
      const domain = parseTrustDomain(id.replace(/^spiffe:\/\//, ''))
      const read = readBundleJson(Buffer.from(document).toString('utf8'), 'workload-api')
      const why = domain.ok ? (read.ok ? undefined : read.violations[0]?.detail) : domain.problems[0]
      if (domain.ok) bundles.set(domain.trustDomain, read.ok ? read.bundle.jwt : [])
      if (why) found.push(problem('bundle_missing', `${place}: the JWT bundle of ${JSON.stringify(id.slice(0, 300))}: ${why}`))
    }
    return bundles
  }
  const asked = await askOnce(socket, 'FetchJWTBundles', new Uint8Array(0), parse, signal)
  return { bundles: asked.value ?? new Map(), problems: [...asked.problems, ...found] }
}

/** Lets the Workload API judge a token that was shown to us (ValidateJWTSVID). A token that it refuses is the problem `request_refused`. */
export const validateJwtSvid = async (
  socket: string,
  shown: { audience: string; token: Secret },
  signal: AbortSignal,
): Promise<{ id?: string; claims?: JsonObject; problems: IdentityProblem[] }> => {
  const parse = async (bytes: Uint8Array): Promise<{ id: string; claims: JsonObject }> => {
    const [{ fromBinary, toJson }, { StructSchema }] = await Promise.all([import('@bufbuild/protobuf'), import('@bufbuild/protobuf/wkt')])
    const { spiffeId, claims } = parseValidateResponse(bytes)
    return { id: spiffeId, claims: toJson(StructSchema, fromBinary(StructSchema, claims)) as JsonObject }
  }
  const request = writeValidateRequest(shown.audience, shown.token.reveal())
  const { value, problems } = await askOnce(socket, 'ValidateJWTSVID', request, parse, signal)
  return { ...value, problems }
}
