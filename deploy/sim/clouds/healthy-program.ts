/** For health checks in an image without curl: `node healthy-program.ts <url or host:port> [authority.pem]` ends with 0 when it answers well. */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { connect } from 'node:net'

const [where, authority] = process.argv.slice(2) as [string, string | undefined]
const end = (isWell: boolean): never => process.exit(isWell ? 0 : 1)

if (/^https?:/.test(where)) {
  const { get } = where.startsWith('https') ? https : http
  get(where, authority ? { ca: readFileSync(authority) } : {}, ({ statusCode = 0 }) => end(statusCode < 300)).on('error', () => end(false))
} else {
  const [host, port] = where.split(':') as [string, string]
  connect(Number(port), host, () => end(true)).on('error', () => end(false))
}
