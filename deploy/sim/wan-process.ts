/**
 * The process that is the WAN: first of its process namespace, so that all processes of the network die with it. It is told what to build by the
 * first line of its standard input, answers on standard output, then takes one JSON command a line (control.ts). It ends when its input does:
 * with its owner. The loop is synchronous (ppoll), because timers of whole milliseconds would be felt in every round trip.
 */
import { readSync, writeSync } from 'node:fs'
import { setPriority } from 'node:os'
import { openBridgePort } from './bridge-port.ts'
import type { Answer, Command, Setup } from './control.ts'
import { createDueQueue } from './due-queue.ts'
import { PR_SET_TIMERSLACK, ppoll, prctl, WNOHANG, waitpid } from './kernel.ts'
import { buildNetwork } from './namespaces.ts'
import { openPacketPort, type PacketPort } from './packet-port.ts'
import { planBridged } from './plan.ts'
import { createWan, type Due, seededRandom, type Wan } from './wan.ts'
import type { Failover } from './way.ts'

const POLLIN = 1
/** Packets taken in before those due are sent and commands are read. */
const BURST = 64
/** How long to sleep at most: then the processes that were left to this one are reaped. */
const REAP_MS = 1000

let input = ''
const chunk = Buffer.alloc(65_536)

/** The complete lines that have come in; waits for some input. Ends the process at the end of input. */
function readLines(): string[] {
  const length = readSync(0, chunk)
  if (length === 0) process.exit(0)
  const lines = (input + chunk.toString('latin1', 0, length)).split('\n')
  input = lines.pop() ?? ''
  return lines
}

const reply = (answer: Answer): void => {
  const bytes = Buffer.from(`${JSON.stringify(answer)}\n`, 'latin1')
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}

function obey(line: string, wan: Wan): void {
  const command = JSON.parse(line) as Command
  try {
    reply({ id: command.id, ...carryOut(command, wan) })
  } catch (error) {
    reply({ id: command.id, error: error instanceof Error ? error.message : String(error) })
  }
}

function carryOut(command: Command, wan: Wan): Partial<Answer> {
  switch (command.do) {
    case 'link':
      wan.setLink(command.from, command.to, command.change)
      return {}
    case 'route':
      wan.setRoute(command.from, command.to, command.name, command.change)
      return {}
    case 'use':
      wan.useRoutes(command.from, command.to, command.names)
      return {}
    case 'failover':
      wan.failOver(command.from, command.to, command.failover, performance.now())
      return {}
    case 'counters':
      return { counters: wan.counters() }
    case 'routes':
      return { routes: wan.routes() }
    case 'failovers':
      return { failovers: wan.failovers().map(sinceBoot) }
  }
}

/** On CLOCK_MONOTONIC, which all processes of the machine share (clock_gettime(2)), instead of this process' own, which starts at 0. */
function sinceBoot(failover: Failover): Failover {
  const nowMs = performance.now()
  const originMs = Number(process.hrtime.bigint()) / 1e6 - nowMs
  return { ...failover, beganAtMs: failover.beganAtMs + originMs, endsAtMs: failover.endsAtMs + originMs }
}

/** Waits for a packet or a command, at most `timeoutMs`; true when there is a command. */
function createWait(fds: number[]): (timeoutMs: number) => boolean {
  const polled = Buffer.alloc(8 * (fds.length + 1))
  for (const [at, fd] of [0, ...fds].entries()) {
    polled.writeInt32LE(fd, at * 8)
    polled.writeInt16LE(POLLIN, at * 8 + 4)
  }
  const timeout = Buffer.alloc(16)
  return timeoutMs => {
    timeout.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0)
    timeout.writeBigInt64LE(BigInt(Math.floor((timeoutMs % 1000) * 1e6)), 8)
    return ppoll(polled, fds.length + 1, timeout, null) > 0 && polled.readInt16LE(6) !== 0
  }
}

/** Takes in up to a burst of packets; what is due goes out directly, the rest is kept. */
function takeIn(port: PacketPort, wan: Wan, queue: { push: (due: Due, atMs: number) => void }): void {
  for (let taken = 0; taken < BURST; taken++) {
    const packet = port.receive()
    if (!packet) return
    const nowMs = performance.now()
    for (const due of wan.receive(packet.site, packet.bytes, nowMs)) {
      if (due.atMs <= nowMs) port.send(due.site, due.bytes)
      else queue.push({ ...due, bytes: Buffer.from(due.bytes) }, due.atMs)
    }
  }
}

/** A WAN that waits for a processor delays packets. Only root may go before others. */
function bePunctual(): void {
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
  try {
    setPriority(-10)
  } catch {}
}

type Standing = ReturnType<typeof buildNetwork> & { port: PacketPort }

/** The sites in namespaces of their own, or as networks that are there. */
function stand({ sites: options, userNamespace, bridges }: Setup): Standing {
  if (bridges) {
    const sites = planBridged(options, bridges)
    return { sites, holders: [], ipv6: false, port: openBridgePort(sites) }
  }
  const built = buildNetwork(options, userNamespace)
  return { ...built, port: openPacketPort(built.sites) }
}

function run(): never {
  const setup = JSON.parse(readLines()[0]!) as Setup
  const { sites, holders, ipv6, port } = stand(setup)
  const wan = createWan(sites, seededRandom(setup.seed), setup.routes)
  for (const { from, to, ...change } of setup.links) wan.setLink(from, to, change)
  const wait = createWait(port.fds)
  const queue = createDueQueue<Due>()
  bePunctual()
  reply({ id: 0, ready: { sites: sites.map((site, at) => ({ ...site, innerPid: holders[at] ?? 0 })), ipv6 } })
  for (;;) {
    const nowMs = performance.now()
    for (let due = queue.pop(nowMs); due; due = queue.pop(nowMs)) port.send(due.site, due.bytes)
    const sleepMs = Math.min(Math.max(queue.nextMs() - performance.now(), 0), REAP_MS)
    if (wait(sleepMs)) for (const line of readLines()) obey(line, wan)
    takeIn(port, wan, queue)
    if (sleepMs === REAP_MS) while (waitpid(-1, null, WNOHANG) > 0);
  }
}

try {
  run()
} catch (error) {
  reply({ id: 0, error: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
