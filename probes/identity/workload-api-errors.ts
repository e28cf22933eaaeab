import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { type IdentityProblem, problem } from './identity.ts'
import type { WorkloadApiAddress } from './workload-api-address.ts'
import type { StreamEnd } from './workload-api-stream.ts'

/** grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const statusCodes = {
  ok: 0,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
} as const

const clip = (text: string): string => JSON.stringify(text.replace(/\s+/g, ' ').slice(0, 200))

/** What a call's end means, and what to do about it. `undefined`: stopped by us. Looks at the socket when the connection itself failed. */
export const explainEnd = async (address: WorkloadApiAddress, place: string, end: StreamEnd): Promise<IdentityProblem | undefined> => {
  if (end.stopped) return undefined
  if (end.code === statusCodes.unavailable && /connect|connection|ENOENT|EACCES|resolution/i.test(end.details))
    return explainConnection(address, place, end)
  return judgeStatus(place, end)
}

/** SPIFFE_Workload_Endpoint.md §6 and SPIFFE_Workload_API.md §6. */
export const judgeStatus = (place: string, { code, details }: Pick<StreamEnd, 'code' | 'details'>): IdentityProblem => {
  const said = `${place} answered with gRPC status ${code} ${clip(details)}`
  if (code === statusCodes.ok) return problem('unavailable', `${place}: the stream ended`)
  if (code === statusCodes.permissionDenied)
    return problem(
      'no_identity',
      `${said}: no identity is registered for this workload; register it (spire-server entry create) or check its selectors`,
    )
  if (code === statusCodes.invalidArgument)
    return problem('header_rejected', `${said}: it does not see the header workload.spiffe.io; is a proxy in between? Not tried again`)
  if (code === statusCodes.unimplemented)
    return problem('not_workload_api', `${said}: a gRPC server without the Workload API listens there; check the socket's path`)
  if (code === statusCodes.resourceExhausted) return problem('unavailable', `${said}: the answer is larger than this client takes`)
  return problem('unavailable', `${said}; see the log of the agent that serves it`)
}

const explainConnection = async (address: WorkloadApiAddress, place: string, end: StreamEnd): Promise<IdentityProblem> => {
  if (address.path !== undefined) {
    const found = await explainPath(address.path, place)
    if (found) return found
  }
  const seen = await peek(address)
  const { path } = address
  switch (seen.kind) {
    case 'ENOENT':
      return problem('socket_missing', `${place}: no socket there; is the agent running, and its socket mounted?`)
    case 'EACCES':
    case 'EPERM':
      return problem(
        'socket_denied',
        `${place}: permission denied for uid ${process.geteuid?.()}; it needs write permission on the socket and search permission on its directories`,
      )
    case 'ECONNREFUSED':
      return problem(
        'unavailable',
        `${place}: nobody listens${path === undefined ? '' : ' on this socket; the agent that made it has gone'}; is the agent running?`,
      )
    case 'spoke':
      return problem('not_workload_api', `${place}: it speaks ${seen.what}, want gRPC (HTTP/2 without TLS); check the address`)
    default:
      return problem('unavailable', `${place}: the connection failed: ${clip(end.details)}`)
  }
}

const explainPath = async (path: string, place: string): Promise<IdentityProblem | undefined> => {
  try {
    const found = await stat(path)
    if (found.isSocket()) return undefined
    const what = found.isDirectory() ? 'a directory' : found.isFile() ? 'a plain file' : 'not a socket'
    return problem('not_workload_api', `${place}: it is ${what}, want a Unix socket; check the path`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return undefined
    let above = dirname(path)
    while (above !== '/' && above !== '.' && !(await stat(above).catch(() => undefined))) above = dirname(above)
    const where = above === dirname(path) ? `its directory ${above} exists` : `only ${above} exists of its path`
    return problem('socket_missing', `${place}: no such file; ${where}; is the agent running, and its socket mounted?`)
  }
}

type Seen = { kind: string; what?: string }
/** How long an unknown server may take to show which protocol it speaks. */
const peekMs = 300
/** The client's side of HTTP/2: the preface and an empty SETTINGS frame (RFC 9113 §3.4). */
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('000000040000000000', 'hex')])

/** Connects once more and looks at the first bytes, since gRPC does not tell what it met. */
const peek = (address: WorkloadApiAddress): Promise<Seen> =>
  new Promise(resolve => {
    const socket = address.path === undefined ? connect(address.port, address.host) : connect(address.path)
    const settle = (seen: Seen): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(seen)
    }
    const timer = setTimeout(() => settle({ kind: 'silent' }), peekMs)
    socket.once('connect', () => socket.write(preface))
    socket.once('data', bytes => settle(nameProtocol(bytes)))
    socket.once('error', (error: NodeJS.ErrnoException) => settle({ kind: error.code ?? 'unknown' }))
    socket.once('close', () => settle({ kind: 'closed' }))
  })

const nameProtocol = (bytes: Buffer): Seen => {
  const text = bytes.toString('latin1', 0, 40)
  if (text.startsWith('HTTP/1')) return { kind: 'spoke', what: 'HTTP/1' }
  // A SETTINGS frame comes first (RFC 9113 §3.4): type 4 at byte 3.
  if (bytes.length >= 9 && bytes[3] === 4) return { kind: 'http2' }
  if (bytes[0] === 21 && bytes[1] === 3) return { kind: 'spoke', what: 'TLS' }
  return { kind: 'spoke', what: `something else (it began with ${clip(text)})` }
}
