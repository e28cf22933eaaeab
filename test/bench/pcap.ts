/** Reads capture files of libpcap (pcap-savefile(5)) with Ethernet or raw IPv4 frames, for ICMP echoes and nothing else. */

/** An echo request or reply on the wire. `atNs` is relative to the file's first packet; `data` what follows the eight bytes of ICMP header. */
export type EchoSeen = { request: boolean; identifier: number; sequence: number; atNs: number; data: Buffer }

const magics = { 2712812621: 1, 2712847316: 1000 } as Record<number, number>
/** LINKTYPE_ETHERNET and LINKTYPE_RAW (tcpdump.org/linktypes.html): bytes in front of the IP header. */
const linkHeaders = { 1: 14, 101: 0 } as Record<number, number>
const fileHeader = 24
const recordHeader = 16

/** All ICMP echoes in a capture, in the order of the file. Throws on a file that is none, or was written on a big-endian machine. */
export const parseEchoes = (file: Buffer): EchoSeen[] => {
  const nsPerUnit = file.length < fileHeader ? undefined : magics[file.readUInt32LE(0)]
  const linkHeader = file.length < fileHeader ? undefined : linkHeaders[file.readUInt32LE(20)]
  if (nsPerUnit === undefined || linkHeader === undefined) throw new Error('not a little-endian capture of Ethernet or raw IP frames')
  const echoes: EchoSeen[] = []
  let firstSecond = Number.NaN
  for (let o = fileHeader; o + recordHeader <= file.length; ) {
    const seconds = file.readUInt32LE(o)
    if (Number.isNaN(firstSecond)) firstSecond = seconds
    const atNs = (seconds - firstSecond) * 1e9 + file.readUInt32LE(o + 4) * nsPerUnit
    const start = o + recordHeader
    o = start + file.readUInt32LE(o + 8)
    const echo = parsePacket(file.subarray(start + linkHeader, o), atNs)
    if (echo) echoes.push(echo)
  }
  return echoes
}

/** RFC 791 §3.1, RFC 792 "Echo or Echo Reply Message". */
const parsePacket = (ip: Buffer, atNs: number): EchoSeen | undefined => {
  const header = ((ip[0] ?? 0) & 0xf) * 4
  const icmp = ip.subarray(header)
  if (ip[0]! >> 4 !== 4 || ip[9] !== 1 || icmp.length < 8 || (icmp[0] !== 8 && icmp[0] !== 0)) return undefined
  const [identifier, sequence] = [icmp.readUInt16BE(4), icmp.readUInt16BE(6)]
  return { request: icmp[0] === 8, identifier, sequence, atNs, data: icmp.subarray(8) }
}

/** The RTT of every echo in ms by its data, from its request to its first reply. Data that more than one request carries is left out. */
export const rttsByData = (echoes: EchoSeen[]): Map<string, number> => {
  const sentAt = new Map<string, number>()
  const rtts = new Map<string, number>()
  const twice = new Set<string>()
  for (const { request, atNs, data } of echoes) {
    const key = data.toString('latin1', 0, 8)
    if (request) {
      if (sentAt.has(key)) twice.add(key)
      sentAt.set(key, atNs)
    } else if (sentAt.has(key) && !rtts.has(key)) rtts.set(key, (atNs - sentAt.get(key)!) / 1e6)
  }
  for (const key of twice) rtts.delete(key)
  return rtts
}
