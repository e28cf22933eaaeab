/** `openssl s_time -new` as the other side of a handshake benchmark. */
import { fileURLToPath } from 'node:url'
import { cpuOfRun } from './cpu-of.ts'
import { benchEnv } from './environment.ts'

export type STime = { port: number; ca: string; cert?: string; key?: string }

/** Left to itself s_time goes on after a chain that it can't verify, and says nothing; with this it ends at the first. */
const env = { ...benchEnv, OPENSSL_CONF: fileURLToPath(new URL('programs/verify-peer.cnf', import.meta.url)) }

/** CPU per TLS 1.3 handshake in µs: the whole process, by its connections, the chain verified in each. Throws what s_time says when one is not. */
export const sTime = ({ port, ca, cert, key }: STime, seconds: number): number => {
  const own = cert && key ? ['-cert', cert, '-key', key] : []
  const asked = ['-connect', `127.0.0.1:${port}`, '-new', '-tls1_3', '-CAfile', ca, ...own, '-verify', '5', '-time', `${seconds}`]
  const { cpuUs, stdout, stderr } = cpuOfRun(['openssl', 's_time', ...asked], env)
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(stdout)?.[1])
  if (!(connections > 0)) throw new Error(`openssl s_time: ${stdout}${stderr}`)
  return cpuUs / connections
}

/** That s_time verifies is seen by running it the same way with an authority of the same name and another key: it has to refuse the server. */
export const proofOfVerifying = (server: STime, wrongCa: string) => {
  const what = 's_time with a wrong authority of the same name, and nothing else changed, has to end with a verify error'
  try {
    sTime({ ...server, ca: wrongCa }, 1)
    return { what, seen: 'it connected', verifies: false }
  } catch (error) {
    const { message } = error as Error
    const seen = /error:.*certificate verify failed/.exec(message)?.[0]
    return { what, seen: seen ?? message, verifies: seen !== undefined }
  }
}
