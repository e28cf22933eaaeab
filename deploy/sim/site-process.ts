/** Processes inside a site: in its network, process and mount namespaces, ended with the network. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { toolPath } from './can-simulate.ts'
import { childrenOf } from './process-table.ts'

export type SiteSpawnOptions = Omit<SpawnOptions, 'shell' | 'argv0' | 'uid' | 'gid'> & {
  /** Without any capability and unable to gain one; as uid and gid 65534 where the network was started by root. */
  dropPrivileges?: boolean
}

export type SiteRunOptions = Omit<SiteSpawnOptions, 'stdio' | 'timeout'> & { input?: string | Buffer; timeoutMs?: number }

/** `status` is null when a signal ended the process: `signal` names it, SIGKILL after `timeoutMs`. */
export type SiteRun = { status: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

/**
 * Starts a program in the namespaces of process `pid`. `nsenter` stays as its parent (a process can't change its own process namespace) and hands
 * on its exit status; `kill` and `signal` reach the program itself, and the program dies with `nsenter`. In a process group of its own unless
 * `detached` is false: a Ctrl-C is for the owner, which stops the network.
 */
export function spawnInSite(pid: number, userNamespace: boolean, argv: string[], options: SiteSpawnOptions = {}): ChildProcess {
  const { dropPrivileges = false, cwd = process.cwd(), env = { ...process.env, PATH: toolPath() }, ...rest } = options
  const child = spawn('nsenter', enterArguments(pid, userNamespace, dropPrivileges, String(cwd), [...exactly(env), ...argv]), {
    detached: true,
    ...rest,
    env: { PATH: toolPath() },
  })
  const killNsenter = child.kill.bind(child)
  child.kill = signal => {
    const [program] = child.pid === undefined || child.exitCode !== null ? [] : childrenOf(child.pid)
    return program === undefined ? killNsenter(signal) : killProgram(program, signal)
  }
  return child
}

function killProgram(pid: number, signal: NodeJS.Signals | number | undefined): boolean {
  try {
    return process.kill(pid, signal ?? 'SIGTERM')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** `env` in front of a program gives it this environment and nothing that was added on the way, as test runners do to every child of theirs. */
export const exactly = (env: NodeJS.ProcessEnv): string[] => [
  'env',
  '-i',
  ...Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
]

/** The working directory is entered again, in the new mount namespace, before privileges are dropped. */
function enterArguments(pid: number, userNamespace: boolean, dropPrivileges: boolean, cwd: string, argv: string[]): string[] {
  const user = userNamespace ? ['--user', '--preserve-credentials'] : []
  const drop = dropPrivileges
    ? [
        ...(userNamespace ? [] : ['--reuid', '65534', '--regid', '65534', '--clear-groups']),
        ...['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs'],
      ]
    : []
  return [
    ...['--target', String(pid), ...user, '--net', '--mount', '--pid', '--'],
    ...['sh', '-c', 'cd -- "$0" && exec "$@"', cwd],
    ...['setpriv', '--pdeathsig', 'KILL', ...drop, '--', ...argv],
  ]
}

/** Gives a process its input, collects what it prints, and waits for its end. Rejects only when it can't be started. */
export function collect(child: ChildProcess, input: string | Buffer | undefined, timeoutMs: number | undefined): Promise<SiteRun> {
  return new Promise((resolve, reject) => {
    const printed = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) child[name]?.setEncoding('utf8').on('data', (text: string) => (printed[name] += text))
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stdin?.on('error', () => {}).end(input)
    child.on('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, ...printed })
    })
  })
}
