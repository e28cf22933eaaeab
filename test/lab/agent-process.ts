/** The real `probe agent` as a process of its own, and what it says. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { probe } from './probe-in.ts'

/** A line of its log. */
export type Said = { level: string; msg: string } & Record<string, unknown>

export type AgentProcess = {
  child: ChildProcess
  said: Said[]
  /** What it wrote that is no log line. */
  words: string[]
  /** The first line that matches, said already or yet to come. Rejects when it ends before. */
  hear(msg: RegExp, after?: number): Promise<Said>
  /** Stops and continues it, as a debugger or a hypervisor does. */
  freeze(): void
  thaw(): void
  /** Tells it to end, and resolves when it has. */
  end(signal?: NodeJS.Signals): Promise<{ status: number | null; signal: NodeJS.Signals | null; tookMs: number }>
}

/** The words of the command, with a configuration written to `file`; JSON is YAML. */
export const agentCommand = (file: string, config: object | string, more: string[] = []): string[] => {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, undefined, 1), { mode: 0o644 })
  return [process.execPath, probe, 'agent', '--config', file, ...more]
}

/** Listens to an agent that was started with its own pipe for stderr. */
export const followAgent = (child: ChildProcess): AgentProcess => {
  const said: Said[] = []
  const words: string[] = []
  const waiting = new Set<() => void>()
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let isOver = false
  const look = (): void => {
    for (const one of waiting) one()
  }
  createInterface({ input: child.stderr! }).on('line', line => {
    if (line.startsWith('{')) said.push(JSON.parse(line) as Said)
    else words.push(line)
    look()
  })
  child.stdout?.resume()
  void ended.then(() => {
    isOver = true
    look()
  })
  return {
    child,
    said,
    words,
    hear: (msg, after = 0) =>
      new Promise((resolve, reject) => {
        const one = (): void => {
          const found = said.slice(after).find(line => msg.test(line.msg))
          if (!found && !isOver) return
          waiting.delete(one)
          if (found) resolve(found)
          else reject(new Error(`it ended and never said ${msg}: ${JSON.stringify(said)} ${words.join(' ')}`))
        }
        waiting.add(one)
        one()
      }),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => {
      child.kill('SIGCONT')
      // Inside a site the program has nsenter for a parent, which stops when its child does.
      process.kill(child.pid!, 'SIGCONT')
    },
    async end(signal = 'SIGTERM') {
      const start = performance.now()
      child.kill(signal)
      const [status, by] = await ended
      return { status, signal: by, tookMs: performance.now() - start }
    },
  }
}
