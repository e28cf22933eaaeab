/**
 * The WAN's hold on networks that somebody else has made, as container engines do: one interface in each, on a bridge with any number of machines. The WAN takes
 * the address that the machines have for their gateway; what they send there arrives here, and leaves for the machine of another network that it is for.
 * Machines need nothing for that, neither a capability nor a route of their own. IPv4 only.
 */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import * as libc from '../../probes/net/libc.ts'
import { octets, parsePacket } from './ip-packet.ts'
import { AF_PACKET, ETH_P_IP, ifNameToIndex, must, networkOrder, recvfrom } from './kernel.ts'
import type { PacketPort } from './packet-port.ts'
import type { Site } from './plan.ts'
import { completeChecksum, splitSegments } from './segments.ts'

/** linux/if_packet.h: each packet is preceded by what the kernel would have told a network card of it. */
const SOL_PACKET = 263
const PACKET_VNET_HDR = 15
/** struct virtio_net_hdr (linux/virtio_net.h): flags u8, gso_type u8, hdr_len, gso_size, csum_start, csum_offset u16. */
const VNET_BYTES = 10
const NEEDS_CHECKSUM = 1
const ETHERNET_BYTES = 14
const SOCKADDR_LL = 20
const PACKET_HOST = 0
const MAX_PACKET = 65_536 + ETHERNET_BYTES + VNET_BYTES
/** linux/sockios.h */
const SIOCSIFADDR = 0x8916
const SIOCSIFNETMASK = 0x891c

type Card = { index: number; mac: Buffer }

const macOf = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')

/** Sites by the /24 of their address, each with an interface of this machine in it. Throws where there is none, or no right to it. */
export function openBridgePort(sites: Site[]): PacketPort {
  const cards = sites.map(takeGateway)
  const positions = new Map(cards.map(({ index }, at) => [index, at]))
  const fd = must(
    'socket(AF_PACKET)',
    libc.socket(AF_PACKET, libc.SOCK_RAW | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, networkOrder(ETH_P_IP)),
  )
  must('setsockopt(PACKET_VNET_HDR)', libc.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, libc.int32(1), 4))
  const neighbours = createNeighbours()
  const frame = Buffer.alloc(MAX_PACKET)
  const from = Buffer.alloc(SOCKADDR_LL)
  const fromLength = libc.int32(SOCKADDR_LL)
  const waiting: { site: number; bytes: Buffer }[] = []

  function take(): boolean {
    fromLength.writeInt32LE(SOCKADDR_LL)
    const length = Number(recvfrom(fd, frame, MAX_PACKET, libc.MSG_DONTWAIT, from, fromLength))
    if (length < 0) return false
    const site = positions.get(from.readInt32LE(4))
    const packet = parsePacket(frame.subarray(VNET_BYTES + ETHERNET_BYTES, length))
    if (site === undefined || from[10] !== PACKET_HOST || !packet) return true
    neighbours.learn(packet.source, from.subarray(12, 18))
    if (frame[1] !== 0) for (const bytes of splitSegments(packet, frame.readUInt16LE(4))) waiting.push({ site, bytes })
    else {
      if (frame[0]! & NEEDS_CHECKSUM) completeChecksum(packet)
      waiting.push({ site, bytes: packet.bytes })
    }
    return true
  }

  const out = Buffer.alloc(MAX_PACKET)
  const to = Buffer.alloc(SOCKADDR_LL)
  to.writeUInt16LE(AF_PACKET, 0)
  to.writeUInt16BE(ETH_P_IP, 2)
  return {
    fds: [fd],
    receive() {
      while (waiting.length === 0) if (!take()) return undefined
      return waiting.shift()
    },
    send(site, bytes) {
      const { index, mac } = cards[site]!
      const neighbour = neighbours.find(bytes.subarray(16, 20))
      if (!neighbour) return
      neighbour.copy(out, VNET_BYTES)
      mac.copy(out, VNET_BYTES + 6)
      out.writeUInt16BE(ETH_P_IP, VNET_BYTES + 12)
      bytes.copy(out, VNET_BYTES + ETHERNET_BYTES)
      to.writeInt32LE(index, 4)
      libc.sendto(fd, out, VNET_BYTES + ETHERNET_BYTES + bytes.length, libc.MSG_DONTWAIT, to, SOCKADDR_LL)
    },
  }
}

/** Gives the interface in the site's network the gateway's address as well, so that its kernel answers when machines ask who has it. */
function takeGateway({ name, gateway }: Site): Card {
  const prefix = gateway.split('.').slice(0, 3).join('.')
  for (const [device, addresses = []] of Object.entries(networkInterfaces())) {
    const found = addresses.find(({ address, family }) => family === 'IPv4' && address.startsWith(`${prefix}.`))
    if (!found) continue
    if (!addresses.some(({ address }) => address === gateway)) {
      setAddress(device, SIOCSIFADDR, gateway)
      setAddress(device, SIOCSIFNETMASK, '255.255.255.0')
    }
    return { index: ifNameToIndex(device.split(':')[0]!), mac: macOf(found.mac) }
  }
  throw new Error(`no interface in the network of ${name}, ${prefix}.0/24`)
}

/** Of the alias `device:1` (struct ifreq with a struct sockaddr_in, netdevice(7)). */
function setAddress(device: string, request: number, address: string): void {
  const fd = must('socket', libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0))
  const ifreq = Buffer.alloc(40)
  ifreq.write(`${device}:1`)
  ifreq.writeUInt16LE(libc.AF_INET, 16)
  octets(address).copy(ifreq, 20)
  const result = libc.ioctl(fd, request, ifreq)
  const problem = result < 0 ? libc.errnoName(libc.errno()) : undefined
  libc.close(fd)
  if (problem) throw new Error(`${address} on ${device}: ${problem}; it needs NET_ADMIN`)
}

type Neighbours = { learn(address: string, mac: Buffer): void; find(address: Buffer): Buffer | undefined }

/** Whose packets have come is known by them; of the others the kernel is made to ask, and the packet is lost as it would be at any router. */
function createNeighbours(): Neighbours {
  const known = new Map<string, Buffer>()
  const asking = must('socket', libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC | libc.SOCK_NONBLOCK, 0))
  const askKernel = (address: Buffer): void => {
    const to = Buffer.alloc(16)
    to.writeUInt16LE(libc.AF_INET, 0)
    to.writeUInt16BE(discard, 2)
    address.copy(to, 4)
    libc.sendto(asking, Buffer.alloc(1), 1, libc.MSG_DONTWAIT, to, 16)
  }
  return {
    learn(address, mac) {
      if (known.get(address)?.equals(mac)) return
      known.set(address, Buffer.from(mac))
    },
    find(address) {
      const key = address.toString('latin1')
      const found = known.get(key) ?? readNeighbour([...address].join('.'))
      if (found) known.set(key, found)
      else askKernel(address)
      return found
    },
  }
}

/** RFC 863: whatever comes there is thrown away. */
const discard = 9

/** What the kernel knows (proc(5), /proc/net/arp): address, type, flags, of which 2 is complete, and the MAC. */
function readNeighbour(address: string): Buffer | undefined {
  for (const line of readFileSync('/proc/net/arp', 'latin1').split('\n').slice(1)) {
    const [ip, , flags, mac] = line.split(/\s+/)
    if (ip === address && Number(flags) & 2) return macOf(mac!)
  }
  return undefined
}
