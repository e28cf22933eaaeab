/** The WAN between the sites: finds each packet's direction, carries it, and keeps what is on its way. Clock and chance are arguments. */
import ipaddr from 'ipaddr.js'
import { answer, carry, type Direction, type Hop, newDirection } from './hop.ts'
import { type Parsed, parsePacket } from './ip-packet.ts'
import { type Counters, changeLink, type Link, perfectLink } from './link.ts'
import type { Site } from './plan.ts'

/** A packet that is due at a site. */
export type Due = { bytes: Buffer; site: number; atMs: number }

export type Wan = {
  /** A packet from a site (its position in the list), seen at `nowMs`: what to deliver and when. Nothing for what is not the WAN's business. */
  receive: (site: number, bytes: Buffer, nowMs: number) => Due[]
  setLink: (from: string, to: string, change: Partial<Link>) => void
  /** By `from` and `to`. */
  counters: () => Record<string, Record<string, Counters>>
}

const octets = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray())

export function createWan(sites: Site[], random: () => number): Wan {
  const directions = sites.map(() => sites.map(() => newDirection(perfectLink)))
  const outside = newDirection(perfectLink)
  const routes = new Map(
    sites.flatMap((site, at) => [site.address, site.address6].map(address => [prefix(octets(address).toString('latin1')), at])),
  )
  const gateways = sites.map(site => ({ 4: octets(site.gateway), 6: octets(site.gateway6) }))
  const own = new Set(gateways.flatMap(gateway => [gateway[4].toString('latin1'), gateway[6].toString('latin1')]))
  const position = (name: string) => sites.findIndex(site => site.name === name)

  function receive(site: number, bytes: Buffer, nowMs: number): Due[] {
    const packet = parsePacket(bytes)
    if (!packet || own.has(packet.destination) || isLocal(packet)) return []
    const to = routes.get(prefix(packet.destination))
    if (to === site) return []
    const hop: Hop = { address: gateways[site]![packet.version], receiverMtu: sites[to ?? site]!.interfaceMtu, random, nowMs }
    const deliveries =
      to === undefined
        ? answer(packet, { kind: 'no_route' }, outside, outside, hop)
        : carry(packet, directions[site]![to]!, directions[to]![site]!, hop)
    return deliveries.map(({ bytes, back, delayMs }) => ({ bytes, site: back ? site : to!, atMs: nowMs + delayMs }))
  }

  return {
    receive,
    setLink(from, to, change) {
      const direction = directions[position(from)]![position(to)] as Direction
      direction.link = changeLink(direction.link, change)
    },
    counters: () =>
      Object.fromEntries(
        sites.map((from, i) => [
          from.name,
          Object.fromEntries(sites.flatMap((to, j) => (i === j ? [] : [[to.name, directions[i]![j]!.counters]]))),
        ]),
      ),
  }
}

/** The subnet of an address in bytes: /24 and /64. */
const prefix = (address: string): string => address.slice(0, address.length === 4 ? 3 : 8)

/** Multicast, broadcast and link-local packets end at the router (RFC 1812 §5.3.7, RFC 4291 §2.5.6). */
function isLocal({ version, source, destination }: Parsed): boolean {
  const first = destination.charCodeAt(0)
  if (version === 4) return first >= 0xe0 || first === 0 || first === 127 || destination.startsWith('\xa9\xfe')
  return first === 0xff || /^\xfe[\x80-\xbf]/.test(destination) || /^\xfe[\x80-\xbf]/.test(source)
}

/** mulberry32: a small generator of uniform numbers in 0…1 that a seed repeats. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
