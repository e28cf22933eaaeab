import { aborted, type Probe, timedOut, unmeasured } from './finding.ts'
import { type EchoSearch, noEcho, searchByEcho } from './mtu-echo.ts'
import { judgeMtu, type MtuSeen, measureMtu } from './mtu-judge.ts'
import { searchByTcp, type TcpSearch } from './mtu-tcp.ts'
import { supported } from './net/libc.ts'
import { handshakeOptions } from './tls.ts'

/**
 * The path MTU of each direction: by echoes with "don't fragment" set, and by TCP's own segments towards a TLS server, which tells the two
 * directions apart and works where ICMP is filtered. Keeps apart this machine's own limit, a packet-too-big that was received, silence, and an
 * MSS that makes TCP fit. Measures the TCP endpoint that answers: behind a proxy lies another path.
 */
export const probeMtu: Probe<'mtu'> = async (target, options, signal) => {
  const endpoint = `${target.family === 6 ? `[${target.address}]` : target.address}${target.port ? `:${target.port}` : ''}`
  if (!supported) {
    const outcome = unmeasured('unsupported', `path MTU discovery needs Linux, this is ${process.platform}`)
    return { outcome, measured: measureMtu({ endpoint, family: target.family, echo: noEcho }), phasesMs: {}, warnings: [] }
  }
  const start = performance.now()
  let echo: Promise<EchoSearch> | undefined
  const startEcho = (): Promise<EchoSearch> => {
    echo ??= timed('echo', searchByEcho(target, options, signal))
    return echo
  }
  const phasesMs: Record<string, number> = {}
  const timed = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const value = await work
    phasesMs[name] = Math.round(performance.now() - start)
    return value
  }
  // A fault of it is met below, when it is awaited; here it must not end the process.
  const byEcho = (): Promise<number | null> =>
    startEcho().then(
      found => found.echoMtu,
      () => null,
    )
  const byTcp = (): Promise<TcpSearch> => searchByTcp(handshakeOptions(target, options), byEcho, options.maxSteps, signal)
  // Whatever happens, nothing of this run outlives it.
  const tcp = target.port ? await timed('tcp', byTcp()).finally(() => echo && byEcho()) : undefined
  const seen: MtuSeen = { endpoint, family: target.family, echo: await startEcho(), ...(tcp ? { tcp } : {}) }
  const measured = measureMtu(seen)
  if (signal.aborted && !timedOut(signal)) return { outcome: aborted, measured, phasesMs, warnings: [] }
  return { ...judgeMtu(measured, seen, options), measured, phasesMs }
}
