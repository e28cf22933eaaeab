import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { TcpMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Warning } from '../wire/result.ts'
import type { Allow } from './allow.ts'
import { aborted, fail, ok, type Probe, pause, type Resolved, timedOut, unmeasured } from './finding.ts'
import { supported } from './net/libc.ts'
import { optionBytes, type TcpInfo } from './net/tcp-info.ts'
import { closeFd, connectOnly, DialError, dial, infoOf } from './net/tcp-socket.ts'
import { judgeDial } from './tcp-errors.ts'

/** Ports without a service in the IANA registry's practice: a host that accepts them too accepts everything. */
const controlPorts = [2, 48_919]

/**
 * Connects once: SYN RTT and SYN retransmits by the kernel, the MSS of each direction; with `payloadBytes` also a transfer to a service that
 * reads what it is sent, with retransmitted segments and delivery rate. An accepted connection proves a listener, or a proxy in its place:
 * `control` tells which.
 */
export const probeTcp: Probe<'tcp'> = async (target, options, signal, allow) => {
  const warnings: Warning[] = []
  const measured = noTcp()
  const start = performance.now()
  let outcome: Outcome
  try {
    if (options.payloadBytes > 0 || !supported) outcome = await transfer(target, options, signal, measured)
    else {
      const { fd, info } = await connectOnly(dialOptions(target, options), signal)
      closeFd(fd)
      describe(measured, info)
      outcome = ok
    }
  } catch (error) {
    outcome = judgeDial(error, target, signal)
  }
  const connectMs = measured.synRttMs ?? performance.now() - start
  const phasesMs: Record<string, number> = outcome.kind === 'ok' ? { connect: connectMs } : {}
  const wasUp = outcome.kind === 'ok' || (outcome.kind === 'fail' && outcome.reason === 'tcp_reset')
  if (wasUp && options.control) measured.control = await controls(target, options, signal, allow)
  if (measured.synRetransmits)
    warnings.push({ code: 'syn_retransmitted', detail: `the SYN was sent ${measured.synRetransmits + 1} times before it was answered` })
  if (measured.retransmits && measured.segmentsOut)
    warnings.push({ code: 'retransmits', detail: `${measured.retransmits} of ${measured.segmentsOut} segments were sent again` })
  return { outcome, measured, phasesMs, warnings }
}

export const noTcp = (): TcpMeasured => ({
  synRttMs: null,
  synRetransmits: null,
  mssForward: null,
  mssReverse: null,
  retransmits: null,
  segmentsOut: null,
  retransmitRatio: null,
})

const dialOptions = (target: Resolved, options: Options['tcp']) => ({
  address: target.address,
  family: target.family,
  port: target.port!,
  source: options.source,
})

const describe = (measured: TcpMeasured, info: TcpInfo): void => {
  measured.synRttMs = info.rttMs
  measured.synRetransmits = info.totalRetransmits
  measured.mssForward = info.sndMss + optionBytes(info)
  measured.mssReverse = info.advMss + optionBytes(info)
}

/** Sends `payloadBytes` and waits until the peer's kernel has acknowledged them; what comes back is thrown away. */
const transfer = async (target: Resolved, options: Options['tcp'], signal: AbortSignal, measured: TcpMeasured): Promise<Outcome> => {
  const start = performance.now()
  const socket = await dial(dialOptions(target, options), signal)
  try {
    const first = infoOf(socket)
    if (first) describe(measured, first)
    else measured.synRttMs = Math.round((performance.now() - start) * 1e3) / 1e3
    if (options.payloadBytes === 0) return ok
    if (!first) return unmeasured('unsupported', `a transfer is measured by TCP_INFO, which ${process.platform} does not have`)
    return await push(socket, options.payloadBytes, target, signal, measured, first.totalRetransmits)
  } finally {
    socket.destroy()
  }
}

const push = async (
  socket: Socket,
  bytes: number,
  target: Resolved,
  signal: AbortSignal,
  measured: TcpMeasured,
  synRetransmits: number,
): Promise<Outcome> => {
  let problem: NodeJS.ErrnoException | undefined
  socket.on('error', error => {
    problem = error
  })
  socket.resume()
  const chunk = Buffer.alloc(Math.min(bytes, 65_536), 'causeway')
  const stopped = new AbortController()
  socket.once('close', () => stopped.abort())
  const until = AbortSignal.any([signal, stopped.signal])
  for (let left = bytes; left > 0 && !until.aborted; left -= chunk.length)
    if (!socket.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) await once(socket, 'drain', { signal: until }).catch(() => {})
  for (;;) {
    const info = infoOf(socket)
    if (info) measureTransfer(measured, info, synRetransmits)
    if (!info || measured.bytesAcked! >= bytes || until.aborted) break
    await pause(2, until)
  }
  const acked = measured.bytesAcked ?? 0
  if (acked >= bytes) return ok
  const counted = `${acked} of ${bytes} bytes acknowledged, ${measured.retransmits ?? 0} segments sent again`
  if (stopped.signal.aborted || problem) return fail('tcp_reset', `${target.address} port ${target.port} hung up: ${counted}`)
  return timedOut(signal) ? fail('tcp_timeout', `${target.address} port ${target.port}: ${counted}`) : aborted
}

const measureTransfer = (measured: TcpMeasured, info: TcpInfo, synRetransmits: number): void => {
  measured.retransmits = info.totalRetransmits - synRetransmits
  measured.segmentsOut = info.dataSegmentsOut
  measured.retransmitRatio = info.dataSegmentsOut > 0 ? measured.retransmits / info.dataSegmentsOut : 0
  // tcp_info counts the SYN as one acknowledged byte.
  measured.bytesAcked = Math.max(0, info.bytesAcked - 1)
  if (info.deliveryRate !== null) measured.deliveryRateBytesPerSecond = info.deliveryRate
}

/** Whether ports on which nothing should listen are accepted too. Who resets had accepted; a port that says nothing had not. */
const controls = (
  target: Resolved,
  options: Options['tcp'],
  signal: AbortSignal,
  allow: Allow,
): Promise<{ port: number; accepted: boolean }[]> => {
  const { address } = target
  const ports = controlPorts.filter(port => allow({ kind: 'tcp', address, port, source: options.source }) === undefined)
  return Promise.all(
    ports.map(async port => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(1000)])
      try {
        if (supported) closeFd((await connectOnly({ ...dialOptions(target, options), port }, limit)).fd)
        else (await dial({ ...dialOptions(target, options), port }, limit)).destroy()
        return { port, accepted: true }
      } catch (error) {
        return { port, accepted: error instanceof DialError && error.code === 'ECONNRESET' }
      }
    }),
  )
}
