/**
 * The WAN's hold on the packets: AF_PACKET sockets (packet(7)) on the router's ends of all cables, one per IP version. The kernel does not forward,
 * so nothing passes but what is sent here. Chosen over a TUN device because /dev/net/tun is often missing in containers and closed to ordinary
 * users; a packet socket needs CAP_NET_RAW in the network namespace only, which its creator has.
 */
import * as libc from '../../probes/net/libc.ts'
import { AF_PACKET, ETH_P_IP, ETH_P_IPV6, ifNameToIndex, must, networkOrder, recvfrom, SO_RCVBUFFORCE, SO_SNDBUFFORCE } from './kernel.ts'
import type { Site } from './plan.ts'

export type PacketPort = {
  /** To poll for reading. */
  fds: number[]
  /** The next packet that a site sent, and the site's position; undefined when there is none. The bytes are good until the next call. */
  receive: () => { site: number; bytes: Buffer } | undefined
  send: (site: number, bytes: Buffer) => void
}

const MAX_PACKET = 65_536
const BUFFER_BYTES = 32 << 20
/** struct sockaddr_ll: family u16, protocol u16 (network order), ifindex i32, hatype u16, pkttype u8, halen u8, addr[8]. */
const SOCKADDR_LL = 20
const PACKET_HOST = 0

export function openPacketPort(sites: Site[]): PacketPort {
  const fds = [ETH_P_IP, ETH_P_IPV6].map(openSocket)
  const indexes = sites.map(site => ifNameToIndex(site.routerInterface))
  const positions = new Map(indexes.map((index, position) => [index, position]))
  const addresses = sites.map((site, at) => [ETH_P_IP, ETH_P_IPV6].map(protocol => linkAddress(indexes[at]!, site.mac, protocol)))
  const packet = Buffer.alloc(MAX_PACKET)
  const from = Buffer.alloc(SOCKADDR_LL)
  const fromLength = libc.int32(SOCKADDR_LL)
  let turn = 0

  function receiveOn(fd: number): { site: number; bytes: Buffer } | undefined {
    for (;;) {
      fromLength.writeInt32LE(SOCKADDR_LL)
      const length = Number(recvfrom(fd, packet, MAX_PACKET, libc.MSG_DONTWAIT, from, fromLength))
      if (length < 0) return undefined
      const site = positions.get(from.readInt32LE(4))
      if (site !== undefined && from[10] === PACKET_HOST) return { site, bytes: packet.subarray(0, length) }
    }
  }

  return {
    fds,
    receive() {
      turn ^= 1
      return receiveOn(fds[turn]!) ?? receiveOn(fds[turn ^ 1]!)
    },
    send(site, bytes) {
      const version = bytes[0]! >> 4 === 4 ? 0 : 1
      libc.sendto(fds[version], bytes, bytes.length, libc.MSG_DONTWAIT, addresses[site]![version], SOCKADDR_LL)
    },
  }
}

/** Large buffers where root may force them; an ordinary user's are capped by net.core.rmem_max. */
function openSocket(protocol: number): number {
  const fd = must(
    'socket(AF_PACKET)',
    libc.socket(AF_PACKET, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, networkOrder(protocol)),
  )
  for (const [force, plain] of [
    [SO_RCVBUFFORCE, libc.SO_RCVBUF],
    [SO_SNDBUFFORCE, libc.SO_SNDBUF],
  ]) {
    const size = libc.int32(BUFFER_BYTES)
    if (libc.setsockopt(fd, libc.SOL_SOCKET, force, size, 4) < 0) libc.setsockopt(fd, libc.SOL_SOCKET, plain, size, 4)
  }
  return fd
}

function linkAddress(index: number, mac: string, protocol: number): Buffer {
  const address = Buffer.alloc(SOCKADDR_LL)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(protocol, 2)
  address.writeInt32LE(index, 4)
  address[11] = 6
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(address, 12)
  return address
}
