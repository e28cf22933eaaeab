/** Networks that nobody means when naming a host: what a name that was turned round leads to, or what is this host itself. */
import { type Bytes, contains, formatAddress, type Network, parseAddress, parseNetwork, translatedTo, tunnelledTo } from './addresses.ts'

export type Special = { what: string; network: Network }

const special = (what: string, ...networks: string[]): Special[] =>
  networks.map(text => {
    const network = parseNetwork(text)
    if (!network.ok) throw new Error(network.problems[0])
    return { what, network: network.value }
  })

const loopback = special('loopback', '127.0.0.0/8', '::1')

/** The first that holds an address says what it is. */
export const specials: readonly Special[] = [
  ...special('a metadata service', '169.254.169.254', 'fd00:ec2::/32', 'fd20:ce::254', '100.100.100.200', '192.0.0.192', '168.63.129.16'),
  // ECS task roles, EKS Pod Identity.
  ...special('a credentials service', '169.254.170.2', '169.254.170.23'),
  ...loopback,
  ...special('this host (RFC 1122 §3.2.1.3)', '0.0.0.0/8', '::'),
  ...special('link-local', '169.254.0.0/16', 'fe80::/10'),
  ...special('multicast', '224.0.0.0/4', 'ff00::/8'),
  ...special('broadcast', '255.255.255.255'),
  ...special('reserved (RFC 1112 §4)', '240.0.0.0/4'),
]

const isIn = (bytes: Bytes, networks: readonly Special[]): boolean => networks.some(({ network }) => contains(network, bytes))

/** `localhost` and the addresses of it (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). Other names under `.localhost` are not believed: some resolvers ask for them elsewhere. */
export const isLoopback = (host: string): boolean => {
  const address = parseAddress(host.replace(/^\[|\]$/g, ''))
  return address ? isIn(address, loopback) : host.toLowerCase().replace(/\.$/, '') === 'localhost'
}

/** Why no notification goes to this address, whatever name led to it; an IPv4 address inside counts too. Loopback may: a relay beside the controller. */
export const refuseReceiver = (text: string): string | undefined => {
  const address = parseAddress(text)
  if (!address) return `${JSON.stringify(text)} is not an address`
  // ::1 would be an address of this host's network inside ::/96.
  if (isIn(address, loopback)) return undefined
  for (const form of [address, ...translatedTo(address, []), ...tunnelledTo(address)]) {
    const found = specials.find(({ network }) => contains(network, form))
    if (found && !loopback.includes(found))
      return `${formatAddress(address)} is ${found.what} (${found.network.text}), where nothing is sent`
  }
  return undefined
}
