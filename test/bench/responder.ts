/** CPU of a responder per UDP reply and per TCP connection, against the plainest echoes of node:dgram and node:net. Idle, too. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { at, datagramTypes, helloDatagramBytes, writeHead } from '../../wire/responder-udp.ts'
import { startChild } from './child.ts'
import { cpuOfProcess } from './cpu-of.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { needTools } from './tools.ts'

const options = {
  datagrams: { type: 'string', default: '40000' },
  connections: { type: 'string', default: '4000' },
  rounds: { type: 'string', default: '5' },
} as const
const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))
const start = (name: string) => startChild([process.execPath, program(name)], '}\n')
const sizeBytes = 100

/** Datagrams that a responder answers: the head of a probe with the token that it has given out. */
const openSession = async (socket: Socket, session: number): Promise<Buffer> => {
  const hello = Buffer.alloc(helloDatagramBytes)
  writeHead(hello, hello.length, datagramTypes.hello)
  hello.writeUInt32BE(session, at.session)
  socket.send(hello)
  const [welcome] = (await once(socket, 'message')) as [Buffer]
  const probe = Buffer.alloc(sizeBytes)
  writeHead(probe, sizeBytes, datagramTypes.probe)
  welcome.copy(probe, at.session, at.session, at.sequence)
  return probe
}

/** Sends in bursts of `burst`, each when the last is answered or late. CPU of the process per answer, in µs. */
const udpCost = async (pid: number, port: number, count: number, burst: number, session?: number): Promise<number> => {
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const probe = session === undefined ? Buffer.alloc(sizeBytes, 'x') : await openSession(socket, session)
  let answered = 0
  let wake = (): void => {}
  socket.on('message', () => {
    if (++answered % burst === 0) wake()
  })
  const before = cpuOfProcess(pid)
  for (let sent = 0; sent < count; ) {
    const done = new Promise<void>(resolve => {
      wake = resolve
      setTimeout(resolve, 100)
    })
    for (let i = 0; i < burst; i++) {
      const data = Buffer.from(probe)
      data.writeUInt32BE(sent++, at.sequence)
      socket.send(data)
    }
    await done
  }
  const used = cpuOfProcess(pid) - before
  socket.close()
  return used / answered
}

/** Connects, says a few bytes, reads them back, hangs up; one after the other. CPU of the process per connection, in µs. */
const tcpCost = async (pid: number, port: number, count: number): Promise<number> => {
  const before = cpuOfProcess(pid)
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.write('hello?')
    await once(socket, 'data')
    socket.destroy()
  }
  return (cpuOfProcess(pid) - before) / count
}

await report(async () => {
  const tools = needTools('setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const [datagrams, connections, rounds] = [Number(values.datagrams), Number(values.connections), Number(values.rounds)]
  const responder = await start('responder.ts')
  const udpEcho = await start('udp-echo.ts')
  const tcpEcho = await start('tcp-echo.ts')
  try {
    const ours = JSON.parse(responder.lines) as { udp: number; tcp: number }
    const [udp, tcp] = [JSON.parse(udpEcho.lines) as { udp: number }, JSON.parse(tcpEcho.lines) as { tcp: number }]
    let session = 0
    const bursts = await measurePaired(rounds, {
      responder: () => udpCost(responder.pid, ours.udp, datagrams, 32, ++session),
      echo: () => udpCost(udpEcho.pid, udp.udp, datagrams, 32),
    })
    const single = await measurePaired(rounds, {
      responder: () => udpCost(responder.pid, ours.udp, datagrams / 20, 1, ++session),
      echo: () => udpCost(udpEcho.pid, udp.udp, datagrams / 20, 1),
    })
    const tcps = await measurePaired(rounds, {
      responder: () => tcpCost(responder.pid, ours.tcp, connections),
      echo: () => tcpCost(tcpEcho.pid, tcp.tcp, connections),
    })
    const idleMs = 5000
    const before = cpuOfProcess(responder.pid)
    await new Promise(resolve => setTimeout(resolve, idleMs))
    const idle = { what: 'responder without callers', cpuShare: (cpuOfProcess(responder.pid) - before) / 1000 / idleMs }
    const named = { unit: 'µs CPU of the responding process', bar: 1.5 }
    const comparisons = [
      compare({ ...named, what: 'a UDP reply, 32 at a time', peer: 'node:dgram echo' }, bursts.responder, bursts.echo),
      compare({ ...named, what: 'a UDP reply, one at a time', peer: 'node:dgram echo' }, single.responder, single.echo),
      compare({ ...named, what: 'a TCP connection with an echo', peer: 'node:net echo' }, tcps.responder, tcps.echo),
    ]
    return { bench: 'responder', machine: machine(tools), comparisons, idle, pass: comparisons.every(({ pass }) => pass) }
  } finally {
    await Promise.all([responder.stop(), udpEcho.stop(), tcpEcho.stop()])
  }
})
