import { spawnSync } from 'node:child_process'
import { benchEnv } from './environment.ts'
import { CannotRun, lastLine } from './report.ts'
import { needTools } from './tools.ts'

const mark = 'CAUSEWAY_BENCH_NETWORK'

/** Loopback up, datagram ICMP for everyone (ping(7)), and ports enough for tens of thousands of connections. */
const setUp = [
  'ip link set lo up',
  'echo 0 0 > /proc/sys/net/ipv4/ping_group_range',
  'echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range',
  'exec "$@"',
].join(' && ')

/**
 * Runs this program again in a network namespace of its own, as root or in a user namespace, and ends with it; returns in the copy.
 * Nothing that is sent leaves it, and sysctls of the host stay as they are. Throws `CannotRun` where the host allows no namespaces.
 */
export const enterOwnNetwork = (): void => {
  if (process.env[mark]) return
  needTools('unshare', 'ip')
  const namespaces = [[], ['--user', '--map-root-user']].map(user => ['unshare', ...user, '--net'])
  const tries = namespaces.map(unshare => ({ unshare, ...tryOut(unshare) }))
  const works = tries.find(({ status }) => status === 0)
  if (!works) throw new CannotRun(`needs root or user namespaces: ${lastLine(tries.at(-1)?.stderr ?? '')}`)
  const [command = '', ...rest] = [...works.unshare, 'sh', '-c', setUp, 'sh', process.execPath, ...process.argv.slice(1)]
  const { status } = spawnSync(command, rest, { stdio: 'inherit', env: { ...benchEnv, [mark]: 'own' } })
  process.exit(status ?? 1)
}

const tryOut = ([command = '', ...rest]: string[]) =>
  spawnSync(command, [...rest, 'sh', '-c', setUp, 'sh', 'true'], { encoding: 'utf8', env: benchEnv })
