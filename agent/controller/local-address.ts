import { createSocket } from 'node:dgram'
import { BlockList, isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

const nobodyElse = new BlockList()
nobodyElse.addSubnet('127.0.0.0', 8, 'ipv4')
nobodyElse.addAddress('::1', 'ipv6')
nobodyElse.addSubnet('fe80::', 10, 'ipv6')

/**
 * The address of this machine, or pod, on the way to a host: by connecting a UDP socket, which asks for the route and sends nothing. Undefined when there is no
 * way, or none that means anything to others (loopback, link-local). Towards a controller on this machine it is the first that the machine has.
 */
export const localAddressTo = async (host: string, port: number): Promise<string | undefined> => {
  for (const type of ['udp4', 'udp6'] as const) {
    const address = await connectedAddress(type, host, port)
    if (address !== undefined) return [address, ...ownAddresses()].find(isForOthers)
  }
  return undefined
}

const isForOthers = (address: string): boolean => !nobodyElse.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')

/** IPv4 first, as resolvers give them. */
const ownAddresses = (): string[] => {
  const all = Object.values(networkInterfaces()).flatMap(addresses => (addresses ?? []).map(({ address }) => address))
  return all.toSorted((a, b) => Number(isIPv4(b)) - Number(isIPv4(a)))
}

const connectedAddress = (type: 'udp4' | 'udp6', host: string, port: number): Promise<string | undefined> =>
  new Promise(resolve => {
    const socket = createSocket(type)
    const end = (address?: string): void => {
      resolve(address)
      socket.close()
    }
    socket.once('error', () => end())
    socket.once('connect', () => end(socket.address().address))
    try {
      socket.connect(port, host)
    } catch {
      end()
    }
  })
