/** For the controller's health check, in an image without curl: `node healthy-program.ts <url> <authority.pem>` ends with 0 when it answers well. */
import { readFileSync } from 'node:fs'
import { get } from 'node:https'

const [url, authority] = process.argv.slice(2) as [string, string]
const end = (isWell: boolean): never => process.exit(isWell ? 0 : 1)
get(url, { ca: readFileSync(authority) }, ({ statusCode = 0 }) => end(statusCode < 300)).on('error', () => end(false))
