import { createSocket } from 'node:dgram'
import { BlockList, isIPv4 } from 'node:net'

const nobodyElse = new BlockList()
nobodyElse.addSubnet('127.0.0.0', 8, 'ipv4')
nobodyElse.addAddress('::1', 'ipv6')
nobodyElse.addSubnet('fe80::', 10, 'ipv6')

/**
 * The address of this machine, or pod, on the way to a host: by connecting a UDP socket, which asks for the route and sends nothing. Undefined when there is no
 * way, or an address that means nothing to others: loopback, link-local.
 */
export const localAddressTo = async (host: string, port: number): Promise<string | undefined> => {
  for (const type of ['udp4', 'udp6'] as const) {
    const address = await connectedAddress(type, host, port)
    if (address !== undefined) return nobodyElse.check(address, isIPv4(address) ? 'ipv4' : 'ipv6') ? undefined : address
  }
  return undefined
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
