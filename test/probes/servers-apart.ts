/** Servers in a process of their own, so that the sockets of this process are the probes' alone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { cleanEnv } from '../lab/clean-env.ts'
import type { Ready, ServerSpec } from '../servers/main.ts'

const program = fileURLToPath(new URL('../servers/main.ts', import.meta.url))

/** Starts them, and ends them with the test. Servers are listed in the order of `specs`. */
export async function startServersApart(t: Test, specs: ServerSpec[]): Promise<Ready> {
  const child = spawn(process.execPath, [program, JSON.stringify(specs)], { stdio: ['pipe', 'pipe', 'inherit'], env: cleanEnv })
  t.teardown(async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  let printed = ''
  child.stdout.setEncoding('utf8')
  while (!printed.includes('\n')) printed += String((await once(child.stdout, 'data'))[0])
  return JSON.parse(printed) as Ready
}
