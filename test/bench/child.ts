import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { benchEnv } from './environment.ts'
import { CannotRun, lastLine } from './report.ts'

/** A program that runs beside the benchmark, in a process of its own so that its CPU counts for neither side. */
export type Child = { pid: number; lines: string; stop: (signal?: NodeJS.Signals) => Promise<void> }

/**
 * Starts a program and waits until what it has printed, on stdout and stderr together, contains `ready`. It dies with this process
 * (prctl(2), PR_SET_PDEATHSIG). Rejects when it ends, or says nothing of the kind for ten seconds.
 */
export const startChild = async (argv: readonly string[], ready: string, withinMs = 10_000): Promise<Child> => {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { stdio: ['pipe', 'pipe', 'pipe'], env: benchEnv })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  try {
    const started: Child = { pid: child.pid!, lines: '', stop }
    await said(child, ready, withinMs, text => {
      started.lines += text
    })
    return started
  } catch (error) {
    await stop('SIGKILL')
    throw new CannotRun(`${argv.slice(0, 2).join(' ')}: ${(error as Error).message}`)
  }
}

const said = (child: ChildProcess, ready: string, withinMs: number, onText: (text: string) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let seen = ''
    const timer = setTimeout(() => reject(new Error(`not ready after ${withinMs} ms: ${lastLine(seen)}`)), withinMs)
    const hear = (text: string): void => {
      onText(text)
      if (seen.includes(ready)) return
      seen += text
      if (!seen.includes(ready)) return
      clearTimeout(timer)
      resolve()
    }
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', hear)
    const ended = (why: string): void => {
      clearTimeout(timer)
      reject(new Error(`${why}: ${lastLine(seen)}`))
    }
    child.once('error', error => ended(error.message))
    child.once('exit', (code, signal) => ended(`ended with ${signal ?? code}`))
  })
