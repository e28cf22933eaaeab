/** `openssl s_time -new` as the other side of a handshake benchmark. */
import { cpuOfRun } from './cpu-of.ts'

export type STime = { port: number; ca: string; cert?: string; key?: string }

/** CPU per TLS 1.3 handshake in µs: the whole process, by its connections. */
export const sTime = ({ port, ca, cert, key }: STime, seconds: number): number => {
  const own = cert && key ? ['-cert', cert, '-key', key] : []
  const asked = ['-connect', `127.0.0.1:${port}`, '-new', '-tls1_3', '-CAfile', ca, ...own, '-verify', '5', '-time', `${seconds}`]
  const { cpuUs, stdout, stderr } = cpuOfRun(['openssl', 's_time', ...asked])
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(stdout)?.[1])
  if (!(connections > 0)) throw new Error(`openssl s_time: ${stdout}${stderr}`)
  return cpuUs / connections
}

/**
 * s_time goes on after a chain that it can't verify, and says nothing. That it verifies is seen by its CPU: with an authority of the same name
 * and another key it stops before the second of the chain's two signatures is good, and costs less. The least of the rounds is compared: a busy
 * machine only adds, and by more than a signature takes.
 */
export const proofOfVerifying = (verifiedUs: number[], unverifiedUs: number[]) => {
  const ratio = Number((Math.min(...verifiedUs) / Math.min(...unverifiedUs)).toFixed(3))
  return { what: "s_time's least CPU per handshake, the right authority against a wrong one", ratio, verifies: ratio > 1.05 }
}
