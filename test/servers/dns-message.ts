import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Addresses of both families by lower-case name, such as `{ 'svc.test': ['10.2.0.2', 'fd00::2'] }`. */
export type Records = Record<string, string[]>

export const dnsModes = ['answer', 'silent', 'SERVFAIL', 'REFUSED', 'garbage', 'wrong id', 'truncated', 'NODATA'] as const
export type DnsMode = (typeof dnsModes)[number]

export type Question = { id: number; flags: number; name: string; type: number; question: Buffer }

/** RFC 1035 §3.2.2 and §4.1.1, RFC 3596 §2.1. */
const types = { A: 1, AAAA: 28 } as const
const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const
const headerBytes = 12
const garbage = Buffer.from(Array.from({ length: 40 }, (_, i) => (i * 73 + 200) & 0xff))
const responseFlag = 0x8000
const truncatedFlag = 0x0200
const recursionDesiredFlag = 0x0100
const recursionAvailableFlag = 0x0080

/** The first question of a query, its name in lower case without the last dot; undefined for whatever is no query. */
export function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < headerBytes + 5 || message.readUInt16BE(4) < 1) return undefined
  const flags = message.readUInt16BE(2)
  if (flags & responseFlag) return undefined
  const labels: string[] = []
  let at = headerBytes
  while (at < message.length && message[at] !== 0) {
    const sizeBytes = message.readUInt8(at)
    if (sizeBytes > 63) return undefined
    labels.push(message.toString('latin1', at + 1, at + 1 + sizeBytes))
    at += 1 + sizeBytes
  }
  if (at + 5 > message.length) return undefined
  const question = message.subarray(headerBytes, at + 5)
  return { id: message.readUInt16BE(0), flags, name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), question }
}

/** The response in one mode; undefined is silence. */
export function buildResponse(question: Question, records: Records, mode: DnsMode, transport: 'udp' | 'tcp'): Buffer | undefined {
  switch (mode) {
    case 'silent':
      return undefined
    case 'garbage':
      return Buffer.concat([idOf(question), garbage])
    case 'SERVFAIL':
    case 'REFUSED':
      return buildMessage(question, rcodes[mode])
    case 'NODATA':
      return buildMessage(question, rcodes.NOERROR)
    case 'truncated':
      return transport === 'udp' ? buildMessage(question, rcodes.NOERROR, [], truncatedFlag) : answerFrom(question, records)
    case 'wrong id':
      return answerFrom({ ...question, id: question.id ^ 0xffff }, records)
    case 'answer':
      return answerFrom(question, records)
  }
}

/** Garbage has the right ID, for a resolver drops what has another before it looks further. */
const idOf = ({ id }: Question) => Buffer.of(id >> 8, id & 0xff)

function answerFrom(question: Question, records: Records): Buffer {
  const addresses = Object.hasOwn(records, question.name) ? records[question.name] : undefined
  if (!addresses) return buildMessage(question, rcodes.NXDOMAIN)
  const isWanted = question.type === types.A ? isIPv4 : question.type === types.AAAA ? isIPv6 : () => false
  const answers = addresses.filter(address => isWanted(address)).map(address => buildAnswer(question.type, address))
  return buildMessage(question, rcodes.NOERROR, answers)
}

/** A record whose name points back to the question (RFC 1035 §4.1.4), with a TTL of 0 so that nobody keeps it. */
function buildAnswer(type: number, address: string): Buffer {
  const bytes = ipaddr.parse(address).toByteArray()
  const record = Buffer.alloc(12)
  record.writeUInt16BE(0xc000 | headerBytes, 0)
  record.writeUInt16BE(type, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([record, Buffer.from(bytes)])
}

function buildMessage({ id, flags, question }: Question, rcode: number, answers: Buffer[] = [], extraFlags = 0): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(responseFlag | recursionAvailableFlag | (flags & recursionDesiredFlag) | extraFlags | rcode, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answers.length, 6)
  return Buffer.concat([header, question, ...answers])
}
