/** A small name server over UDP (RFC 1035 §4): A records of the names that it knows, no data for other types, NXDOMAIN for other names. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export type Names = { host: string; port: number; addressOf(name: string): string | undefined }

export const startNames = async ({ host, port, addressOf }: Names): Promise<void> => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (query, from) => {
    const answer = answerTo(query, addressOf)
    if (answer) socket.send(answer, from.port, from.address, () => {})
  })
  socket.bind(port, host)
  await once(socket, 'listening')
  socket.on('error', () => {})
}

const A = 1
const IN = 1
const noSuchName = 3
const secondsToLive = 5

/** The answer to one question; undefined for what is none. */
export const answerTo = (query: Buffer, addressOf: Names['addressOf']): Buffer | undefined => {
  const question = readQuestion(query)
  if (!question) return undefined
  const { name, type, end } = question
  const address = addressOf(name.toLowerCase())
  const record = address !== undefined && type === A ? recordOf(address) : Buffer.alloc(0)
  const header = Buffer.from(query.subarray(0, 12))
  // A response with authority, recursion desired as it was asked for (RFC 1035 §4.1.1).
  header.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100) | (address === undefined ? noSuchName : 0), 2)
  header.writeUInt16BE(record.length > 0 ? 1 : 0, 6)
  header.writeUInt32BE(0, 8)
  return Buffer.concat([header, query.subarray(12, end), record])
}

const readQuestion = (query: Buffer): { name: string; type: number; end: number } | undefined => {
  if (query.length < 17 || query.readUInt16BE(2) & 0x8000 || query.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = 12
  while (at < query.length && query[at]! > 0 && query[at]! < 64) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!))
    at += 1 + query[at]!
  }
  if (at + 5 > query.length || query[at] !== 0) return undefined
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The name is a pointer to that of the question (§4.1.4). */
const recordOf = (address: string): Buffer => {
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(A, 2)
  record.writeUInt16BE(IN, 4)
  record.writeUInt32BE(secondsToLive, 6)
  record.writeUInt16BE(4, 10)
  record.set(address.split('.').map(Number), 12)
  return record
}
