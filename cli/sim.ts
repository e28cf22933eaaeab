/** `probe sim`: a simulated network on this machine, to see the diagnosis before it is needed. */
import type { Io } from './io.ts'

const usage = `probe sim <command>

A simulated network on this machine: sites in namespaces of their own, joined by a WAN in user space. Needs root, or user namespaces.

Commands:
  demo   two clouds with a black hole between them: what probe run says, and what it says after the fix

Options:
  --delay <ms>   one-way delay of the link, default 17.5
`

type Demo = { delayMs: number }

/** Takes the words after `sim`. Returns the exit code: 0 when the demonstration showed what it promises. */
export const simCommand = async (argv: string[], io: Io): Promise<number> => {
  const [command, ...rest] = argv
  if (command === undefined || command === 'help' || argv.includes('--help')) {
    io.stdout.write(usage)
    return 0
  }
  const { demo, problems } = parseDemo(command, rest)
  if (problems.length > 0) {
    for (const problem of problems) io.stderr.write(`probe sim: ${problem}\n`)
    return 2
  }
  return (await import('./demo.ts')).demoCommand(demo, io)
}

const parseDemo = (command: string, words: string[]): { demo: Demo; problems: string[] } => {
  const demo: Demo = { delayMs: 17.5 }
  const problems = command === 'demo' ? [] : [`unknown command "${command}", want demo`]
  for (let i = 0; i < words.length; i++) {
    if (words[i] !== '--delay') {
      problems.push(`unknown option "${words[i]}", want --delay`)
      continue
    }
    demo.delayMs = Number(words[++i])
    if (!(demo.delayMs >= 0 && demo.delayMs <= 500)) problems.push(`--delay: got "${words[i]}", want 0 to 500 (ms, one way)`)
  }
  return { demo, problems }
}
