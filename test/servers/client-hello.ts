import type { Socket } from 'node:net'

/** A record's header: type, version, length (RFC 8446 §5.1). */
const headerBytes = 5
/** Twice the largest record; more than that is no ClientHello. */
const limitBytes = 2 * 16_384

/** Calls back once, with everything read so far, as soon as the first TLS record is whole (or it is plainly no TLS record); then reads no more. Never if the client leaves before. */
export function readFirstRecord(socket: Socket, whenWhole: (seen: Buffer) => void): void {
  let seen = Buffer.alloc(0)
  const take = (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
    const isTls = seen[0] === 22
    const wanted = seen.length < headerBytes ? headerBytes : headerBytes + seen.readUInt16BE(3)
    if (isTls && seen.length < wanted && seen.length < limitBytes) return
    socket.off('data', take)
    socket.pause()
    whenWhole(seen)
  }
  socket.on('data', take)
}

/** The server name in a record that holds a whole ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), or undefined where there is none. */
export function parseServerName(record: Buffer): string | undefined {
  try {
    let at = headerBytes + 4 + 2 + 32
    at += 1 + record.readUInt8(at)
    at += 2 + record.readUInt16BE(at)
    at += 1 + record.readUInt8(at)
    const end = at + 2 + record.readUInt16BE(at)
    at += 2
    while (at + 4 <= end) {
      const sizeBytes = record.readUInt16BE(at + 2)
      // server_name is extension 0; its list has one host_name: list length 2, type 1, name length 2.
      if (record.readUInt16BE(at) === 0) return record.toString('latin1', at + 9, at + 4 + sizeBytes)
      at += 4 + sizeBytes
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}
