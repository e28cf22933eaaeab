/** Whether this host lets us make namespaces, tried out rather than guessed, and if not, the one thing to change. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { supported } from '../../probes/net/libc.ts'

export type Simulation = { possible: true; userNamespace: boolean } | { possible: false; reason: string }

/** The namespaces of a network: of all its processes, not of one site. `--kill-child` makes them die with `unshare`. */
export const unshareArguments = (userNamespace: boolean): string[] => [
  ...(userNamespace ? ['--user', '--map-root-user'] : []),
  ...['--net', '--mount', '--pid', '--fork', '--kill-child'],
]

/** The least that a network needs: a virtual cable. */
const CABLE = ['ip', 'link', 'add', 'name', 'end0', 'type', 'veth', 'peer', 'name', 'end1']

/** Ordinary users' PATH often lacks the directories where `ip` is. */
export const toolPath = (): string => `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`

const tools = { unshare: 'util-linux', nsenter: 'util-linux', setpriv: 'util-linux', ip: 'iproute2' }

/** Tries to make namespaces and a cable, as root and then in a user namespace. Takes about 20 ms, and leaves nothing. */
export async function canSimulate(): Promise<Simulation> {
  if (!supported) return { possible: false, reason: `needs Linux on x86-64 or arm64, this is ${process.platform}/${process.arch}` }
  for (const [tool, packageName] of Object.entries(tools))
    if (!isInPath(tool)) return { possible: false, reason: `needs ${tool}: apt-get install ${packageName}` }
  let lastWords = ''
  for (const userNamespace of [false, true]) {
    const { status, output } = await tryUnshare([...unshareArguments(userNamespace), ...CABLE])
    if (status === 0) return { possible: true, userNamespace }
    lastWords = output
  }
  return { possible: false, reason: whyNot(lastWords, readSetting) }
}

const isInPath = (tool: string): boolean =>
  toolPath()
    .split(':')
    .some(directory => existsSync(`${directory}/${tool}`))

/** The reason in one line, from what the last try printed and from the settings that forbid user namespaces. */
export function whyNot(output: string, setting: (name: string) => string | undefined): string {
  if (setting('kernel/unprivileged_userns_clone') === '0')
    return 'needs root or user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1'
  if (setting('user/max_user_namespaces') === '0') return 'needs root or user namespaces: sudo sysctl -w user.max_user_namespaces=10000'
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return 'needs root or user namespaces: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
  if (/unknown device type|not supported/i.test(output))
    return `needs the kernel's virtual cables: sudo modprobe veth (${firstLine(output)})`
  return `needs root or user namespaces; in a container: docker run --privileged (${firstLine(output)})`
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim()
  } catch {
    return undefined
  }
}

function tryUnshare(argv: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise(resolve => {
    const child = spawn('unshare', argv, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: toolPath(), LC_ALL: 'C' } })
    let output = ''
    child.stderr.setEncoding('utf8').on('data', text => (output += text))
    child.on('error', error => resolve({ status: null, output: error.message }))
    child.on('close', status => resolve({ status, output }))
  })
}
