/** Real routers: network namespaces that forward, joined by cables. The kernel of this machine answers for each hop, as a router's would. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Routers = {
  /** Runs a program in a node to its end. */
  run: (
    node: string,
    argv: string[],
    options?: { timeoutMs?: number; env?: NodeJS.ProcessEnv },
  ) => Promise<{ code: number; stdout: string; stderr: string }>
  /** `ip` commands in a node, one a line. */
  ip: (node: string, commands: string) => Promise<void>
  stop: () => Promise<void>
}

/** The address of one end of the n-th cable: 1 for the node that is named first, 2 for the other. */
export const cableAddress = (cable: number, end: 1 | 2, family: 4 | 6 = 4): string =>
  family === 4 ? `10.77.${cable}.${end}` : `fd77:${(cable + 1).toString(16)}::${end}`

const settings = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv4.ping_group_range=0 2147483647',
  // Routers in hardware are quicker to answer than Linux is by default; what a slow one looks like is for the tests to say.
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.icmp.ratelimit=0',
  'net.ipv4.icmp_msgs_per_sec=100000',
  'net.ipv4.fib_multipath_hash_policy=1',
  'net.ipv6.fib_multipath_hash_policy=1',
]

/** Each node is a process that ends when its input does, so that the nodes end with whoever started them, however that ends. */
export const startRouters = async (nodes: readonly string[], cables: readonly (readonly [string, string])[]): Promise<Routers> => {
  const holders = new Map<string, ChildProcess>()
  const inside = (node: string, argv: readonly string[]): string[] => ['-t', String(holders.get(node)!.pid), '-n', '--', ...argv]
  const ip = async (node: string, commands: string): Promise<void> => {
    const child = execFile('nsenter', inside(node, ['ip', '-batch', '-']))
    child.stdin!.end(`${commands}\n`)
    let said = ''
    child.stderr!.on('data', text => (said += text))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${node}: ${said}`)
  }
  const stop = async (): Promise<void> => {
    await Promise.all(
      [...holders.values()].map(async holder => {
        if (holder.exitCode !== null) return
        const gone = once(holder, 'exit')
        holder.stdin!.end()
        await gone
      }),
    )
  }
  try {
    for (const node of nodes) {
      const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
      holders.set(node, holder)
      await once(holder.stdout!, 'data')
      await run('nsenter', inside(node, ['sysctl', '-qw', ...settings]))
      await ip(node, 'link set lo up')
    }
    for (const [at, [one, other]] of cables.entries()) {
      await ip(one, `link add c${at} type veth peer name c${at} netns ${holders.get(other)!.pid}`)
      for (const [node, end] of [
        [one, 1],
        [other, 2],
      ] as const)
        await ip(
          node,
          [
            `address add ${cableAddress(at, end)}/24 dev c${at}`,
            `address add ${cableAddress(at, end, 6)}/64 dev c${at} nodad`,
            `link set c${at} up`,
          ].join('\n'),
        )
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ip,
    stop,
    run: async (node, argv, { timeoutMs = 60_000, env } = {}) => {
      try {
        const { stdout, stderr } = await run('nsenter', inside(node, argv), {
          timeout: timeoutMs,
          env: env ?? process.env,
          maxBuffer: 2 ** 24,
        })
        return { code: 0, stdout, stderr }
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
        return { code: typeof code === 'number' ? code : -1, stdout, stderr }
      }
    },
  }
}

/** A client, `count` routers in a row, and a server, with routes both ways. Cables are numbered from the client on. */
export const startChain = async (count: number): Promise<Routers & { server: string; server6: string }> => {
  const nodes = ['client', ...Array.from({ length: count }, (_, i) => `r${i + 1}`), 'server']
  const routers = await startRouters(
    nodes,
    nodes.slice(1).map((node, i) => [nodes[i]!, node]),
  )
  for (const [at, node] of nodes.entries()) {
    const routes: string[] = []
    for (const family of [4, 6] as const) {
      const network = (cable: number): string => (family === 4 ? `10.77.${cable}.0/24` : `fd77:${(cable + 1).toString(16)}::/64`)
      for (let cable = 0; cable <= count; cable++) {
        if (cable > at) routes.push(`route add ${network(cable)} via ${cableAddress(at, 2, family)}`)
        if (cable < at - 1) routes.push(`route add ${network(cable)} via ${cableAddress(at - 1, 1, family)}`)
      }
    }
    if (routes.length > 0) await routers.ip(node, routes.join('\n'))
  }
  return { ...routers, server: cableAddress(count, 2), server6: cableAddress(count, 2, 6) }
}
