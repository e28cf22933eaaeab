/** `probe sim`: simulated clouds on this machine, to see what the program finds before it is needed. */
import { quote } from '../wire/values.ts'
import type { Io } from './io.ts'

const usage = `probe sim [command] [options]

Simulated clouds on this machine, joined by a WAN in user space; every agent, service and controller is a real process in a namespace of its own.
Needs Linux, as root or where user namespaces are allowed.

Commands:
  (none)                 three clouds, six agents, six services and a controller, until Ctrl-C
  status                 what runs, where, and which faults are on
  fault list             what can be broken
  fault <name> [on|off]  break it, or repair it; on unless told
  tour                   three faults, played and explained
  demo                   two clouds with a black hole between them: what probe run says, and what it says after the fix

Options:
  --port <n>      sim, tour: port of loopback for the controller; default: any that is free
  --output json   status, fault: for programs
  --delay <ms>    demo: one-way delay of the link, default 17.5
`

type Given = { words: string[]; port?: string; delay?: string; output?: string; problems: string[] }
const optionNames = ['port', 'delay', 'output'] as const

/** Takes the words after `sim`. Returns the exit code. */
export const simCommand = async (argv: string[], io: Io): Promise<number> => {
  if (argv[0] === 'help' || argv.includes('--help')) {
    io.stdout.write(usage)
    return 0
  }
  const given = takeApart(argv)
  const [command = 'run', ...rest] = given.words
  const run = commands[command]
  const problems = [...given.problems, ...(run ? judge(command, rest, given) : [`unknown command ${quote(command)}, want ${known}`])]
  if (problems.length > 0 || !run) {
    for (const problem of problems) io.stderr.write(`probe sim: ${problem}\n`)
    return 2
  }
  return await run(rest, given, io)
}

type Run = (rest: string[], given: Given, io: Io) => Promise<number>
const isJson = ({ output }: Given): boolean => output === 'json'
const portOf = ({ port }: Given): number => Number(port ?? 0)
const commands: Record<string, Run> = {
  run: async (_rest, given, io) => (await import('./sim/run.ts')).runSimulation({ port: portOf(given) }, io),
  status: async (_rest, given, io) => (await import('./sim/ask.ts')).statusCommand(isJson(given), io),
  fault: async ([name, state], given, io) => {
    const { faultCommand, listFaults } = await import('./sim/ask.ts')
    return name === 'list' ? listFaults(isJson(given), io) : faultCommand(name!, state !== 'off', isJson(given), io)
  },
  tour: async (_rest, given, io) => (await import('./sim/tour.ts')).tourCommand({ port: portOf(given) }, io),
  demo: async (_rest, { delay }, io) => (await import('./demo.ts')).demoCommand({ delayMs: Number(delay ?? 17.5) }, io),
}
const known = Object.keys(commands)
  .filter(name => name !== 'run')
  .join(', ')
const takes: Record<string, readonly (typeof optionNames)[number][]> = {
  run: ['port'],
  tour: ['port'],
  status: ['output'],
  fault: ['output'],
  demo: ['delay'],
}

const takeApart = (argv: string[]): Given => {
  const given: Given = { words: [], problems: [] }
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    const [, name, joined] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? []
    const option = optionNames.find(one => one === name)
    if (name === undefined) given.words.push(word)
    else if (!option) given.problems.push(`unknown option "${word}", want ${optionNames.map(one => `--${one}`).join(', ')}`)
    else given[option] = joined ?? argv[++i] ?? ''
  }
  return given
}

const states = ['on', 'off']

const judge = (command: string, rest: string[], given: Given): string[] => {
  const { port, delay, output } = given
  const wanted = command === 'fault' ? 2 : 0
  return [
    ...optionNames.flatMap(name =>
      given[name] === undefined || takes[command]!.includes(name) ? [] : [`--${name}: not an option of ${command}`],
    ),
    ...rest.slice(wanted).map(word => `${quote(word)} does not belong here`),
    ...(command === 'fault' && rest.length === 0 ? ['fault: want list, or the name of one'] : []),
    ...(rest[1] === undefined || rest.length > 2 || states.includes(rest[1])
      ? []
      : [states.includes(rest[0]!) ? `the name comes first: fault ${rest[1]} ${rest[0]}` : `${quote(rest[1])}: want on or off`]),
    ...(delay === undefined || (delay !== '' && Number(delay) >= 0 && Number(delay) <= 500)
      ? []
      : [`--delay: got "${delay}", want 0 to 500 (ms, one way)`]),
    ...(port === undefined || (/^\d+$/.test(port) && Number(port) <= 65535) ? [] : [`--port: got "${port}", want 0 to 65535`]),
    ...(output === undefined || ['json', 'human'].includes(output) ? [] : [`--output: got "${output}", want human or json`]),
  ]
}
