/** A program that floods a responder: `flood.ts <tcp port> <udp port>`, from addresses of its own, until it is ended. Prints what it has sent, a line a second. */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'

const [tcp, udp] = process.argv.slice(2).map(Number)
const everyMs = 10
const perTick = { datagrams: 30, connects: 3 }
const sent = { garbage: 0, oversize: 0, connects: 0, refused: 0 }

const socket = createSocket('udp4')
socket.on('error', () => {})
socket.bind(0, '127.0.0.2')
// Begins as a real datagram would: the magic, version 1 and a type.
const like = (type: number): Buffer => Buffer.concat([Buffer.from('CSWY'), Buffer.from([1, type]), randomBytes(200)])
const garbage = [randomBytes(1), randomBytes(88), randomBytes(1472), like(1), like(2), like(3)]
const oversize = randomBytes(65_507)

const held: Socket[] = []
const open = (): void => {
  const one = connect({ host: '127.0.0.1', port: tcp!, localAddress: '127.0.0.3' })
  one.on('error', () => {
    sent.refused += 1
  })
  one.on('connect', () => {
    sent.connects += 1
    // Some say nothing at all, some say garbage, some stop in the middle of a frame.
    const what = sent.connects % 3
    if (what > 0) one.write(what === 1 ? randomBytes(5000) : Buffer.concat([Buffer.from('CSWY'), Buffer.from([1, 1, 16])]))
  })
  one.resume()
  held.push(one)
  if (held.length > 500) held.shift()!.destroy()
}

setInterval(() => {
  for (let i = 0; i < perTick.datagrams; i++) {
    const isLarge = i % 10 === 0
    socket.send(isLarge ? oversize : garbage[i % garbage.length]!, udp!, '127.0.0.1', () => {})
    sent[isLarge ? 'oversize' : 'garbage'] += 1
  }
  for (let i = 0; i < perTick.connects; i++) open()
}, everyMs)
setInterval(() => process.stdout.write(`${JSON.stringify(sent)}\n`), 1000)
