/** Programs of this machine for the interop tests: run to their end, or kept until the test is over. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { cleanEnv } from '../lab/clean-env.ts'

export type Ran = { code: number | null; stdout: string; stderr: string }

/** Runs a program to its end, or ends it after `timeoutMs`: then the code is null. Rejects only when it can't be started. */
export const runToEnd = (program: string, args: readonly string[], timeoutMs = 20_000): Promise<Ran> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { env: cleanEnv, timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') reject(error)
      else resolve({ code: error ? ((error.code as number | undefined) ?? null) : 0, stdout, stderr })
    })
  })

/** Starts a program that ends with the test, at the latest 5 s after it was asked to. What it prints goes to `logFile`. */
export function keepRunning(t: Test, program: string, args: readonly string[], logFile: string): { isRunning(): boolean } {
  const log = openSync(logFile, 'a')
  const child = spawn(program, args, { env: cleanEnv, stdio: ['ignore', log, log] })
  const closed = once(child, 'close').catch((error: Error) => t.fail(`${program}: ${error.message}`))
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  t.teardown(async () => {
    if (isRunning()) child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 5000)
    await closed
    clearTimeout(late)
    if (!t.passing()) t.comment(`${program} ${args.join(' ')}: last lines\n${lastLines(logFile)}`)
  })
  return { isRunning }
}

const lastLines = (file: string): string => readFileSync(file, 'utf8').split('\n').slice(-25).join('\n')

/** Asks again until there is an answer; rejects, with what was waited for, when there is none in time. */
export async function waitFor<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = 90_000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) throw new Error(`no ${what} within ${timeoutMs / 1000} s`)
    await sleep(200)
  }
}

/** Ports that were free a moment ago: SPIRE takes numbers only. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}
