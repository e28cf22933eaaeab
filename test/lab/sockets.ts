import type { Network } from '../../deploy/sim/network.ts'

const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'icmp', 'icmp6', 'raw', 'raw6', 'packet']
/** TIME_WAIT (net/tcp_states.h): the kernel's memory of a closed connection, nobody's socket. */
const timeWait = '06'

/** Every socket of a site, by its table in /proc/net, addresses and state; those without a process too. */
export async function listSockets<Name extends string>(network: Network<Name>, site: Name): Promise<string[]> {
  const script = tables.map(table => `test ! -e /proc/net/${table} || sed 's/^/${table} /' /proc/net/${table}`).join('; ')
  const { stdout } = await network.run(site, ['sh', '-c', script])
  return stdout
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([table, number, , , state]) => /^\d+:$/.test(number ?? '') && !(table!.startsWith('tcp') && state === timeWait))
    .map(([table, , local, remote, state]) => [table, local, remote, state].join(' '))
    .sort()
}

/** The programs that run in a network, by their command lines: its process namespace is shared by all sites. */
export async function listPrograms<Name extends string>(network: Network<Name>, site: Name): Promise<string[]> {
  const script = 'for entry in /proc/[0-9]*; do tr "\\0" " " <"$entry/cmdline"; echo; done'
  const { stdout } = await network.run(site, ['sh', '-c', script])
  return stdout
    .split('\n')
    .filter(line => line !== '' && !line.includes('/cmdline'))
    .sort()
}
