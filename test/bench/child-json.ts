import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs a program to its end and reads the JSON that it printed; what it says on stderr is shown. */
export const runChild = async <T>(argv: readonly string[]): Promise<T> => {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`)
  return JSON.parse(said) as T
}
