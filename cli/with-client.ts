/** What every command that asks the controller does: judge its words, connect, and say what went wrong. */
import type { Problem } from '../wire/problem.ts'
import { type CommandFlags, flagProblems, type Words } from './command-words.ts'
import { type Client, openClient, readAccess, type Trouble } from './controller-client.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'

export type Command = { name: string; words: Words; flags: CommandFlags; io: Io }

export const sayProblems = (name: string, problems: readonly string[], io: Io): 2 => {
  for (const problem of problems) io.stderr.write(`probe ${name}: ${printable(problem)}\n`)
  return 2
}

/** `file:line: path: message`, which editors jump to. */
export const problemLine = ({ path, line, message }: Problem, file?: string): string =>
  printable(`${file === undefined ? '' : `${file}:${line === undefined ? '' : `${line}:`} `}${path === '' ? '' : `${path}: `}${message}`)

/** Returns the exit code. */
export const sayTrouble = (name: string, trouble: Trouble, io: Io, file?: string): number => {
  // The message of a request that is wrong in one way has it in it.
  for (const problem of trouble.problems.filter(({ message }) => !trouble.message.includes(message)))
    io.stderr.write(`${problemLine(problem, file)}\n`)
  io.stderr.write(`probe ${name}: ${printable(trouble.message)}\n`)
  return trouble.exitCode
}

/** `more` are the problems that the command itself has found in its words; all are told at once. Returns the exit code. */
export const withClient = async (
  { name, words, flags, io }: Command,
  more: readonly string[],
  work: (client: Client, stop: AbortSignal) => Promise<number>,
): Promise<number> => {
  const access = readAccess(words, io.env)
  const problems = [...flagProblems(name, words, flags), ...more, ...(access.ok ? [] : access.problems)]
  if (!access.ok || problems.length > 0) return sayProblems(name, problems, io)
  const client = openClient(access.value)
  const stop = new AbortController()
  const endListening = io.onStop(() => stop.abort())
  try {
    return await work(client, stop.signal)
  } finally {
    endListening()
    await client.close()
  }
}
