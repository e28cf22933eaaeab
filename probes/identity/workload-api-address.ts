import { isIP } from 'node:net'
import { type IdentityProblem, problem } from './identity.ts'

/** `grpcTarget` is the same in gRPC's words. `path` only for a Unix socket. */
export type WorkloadApiAddress = { uri: string; grpcTarget: string } & ({ path: string } | { path?: undefined; host: string; port: number })

type Parsed = { address?: WorkloadApiAddress; problems: IdentityProblem[] }

const wanted = 'want unix:///absolute/path or tcp://<IP address>:<port>'
const refuse = (uri: string, why: string): Parsed => ({
  problems: [
    problem(
      'address_invalid',
      `the Workload API address (SPIFFE_ENDPOINT_SOCKET) was ${JSON.stringify(uri.slice(0, 200))}: ${why}; ${wanted}`,
    ),
  ],
})

/**
 * `unix:///abs/path` without an authority, or `tcp://<IP>:<port>` without a path (SPIFFE_Workload_Endpoint.md §4). What some libraries take
 * besides is taken with a problem that says so: `unix:/path`, `unix://relative` (go-spiffe), a trailing `/` on tcp.
 */
export const parseWorkloadApiAddress = (uri: string): Parsed => {
  if (uri === '') return refuse(uri, 'it is empty')
  if (/[\0-\x20\x7f]/.test(uri)) return refuse(uri, 'it has white space or control characters')
  if (/[?#]/.test(uri)) return refuse(uri, 'it has a query or a fragment')
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase()
  if (scheme === 'unix') return parseUnix(uri, uri.slice('unix:'.length))
  if (scheme === 'tcp') return parseTcp(uri, uri.slice('tcp:'.length))
  return refuse(uri, scheme ? `its scheme is ${scheme}` : 'it has no scheme')
}

const parseUnix = (uri: string, rest: string): Parsed => {
  const path = rest.startsWith('//') ? rest.slice(2) : rest
  if (path === '' || path === '/') return refuse(uri, 'it has no path')
  // sun_path has 108 bytes with its NUL (unix(7)).
  if (Buffer.byteLength(path) > 107) return refuse(uri, `its path has ${Buffer.byteLength(path)} bytes and a Unix socket's has at most 107`)
  const address = { uri, path, grpcTarget: `unix:${path}` }
  if (!path.startsWith('/')) return { address, problems: [unusual(uri, 'it is a relative path, which only go-spiffe takes')] }
  return { address, problems: rest.startsWith('///') ? [] : [unusual(uri, 'it has one slash after unix:, which go-spiffe refuses')] }
}

const parseTcp = (uri: string, rest: string): Parsed => {
  const match = /^\/\/(\[[^\]]*\]|[^/:@]*):(\d{1,5})(\/?)$/.exec(rest)
  if (!match) return refuse(uri, 'it is not an IP address and a port')
  const host = match[1]!.replace(/^\[|\]$/g, '')
  const port = Number(match[2])
  if (isIP(host) === 0) return refuse(uri, `"${host}" is not an IP address`)
  if (port < 1 || port > 65_535) return refuse(uri, `the port is ${port}`)
  const grpcTarget = isIP(host) === 6 ? `ipv6:[${host}]:${port}` : `ipv4:${host}:${port}`
  return {
    address: { uri, host, port, grpcTarget },
    problems: match[3] ? [unusual(uri, 'it ends in a slash, which go-spiffe refuses')] : [],
  }
}

const unusual = (uri: string, what: string): IdentityProblem =>
  problem('address_unusual', `the Workload API address was ${uri}: ${what}; ${wanted}`)
