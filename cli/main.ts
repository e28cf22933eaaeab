/** The `probe` command: takes the words apart with yargs, and loads no more than the subcommand that was asked for. */
import { createRequire } from 'node:module'
import type { Argv } from 'yargs'
import { nearest } from '../wire/near.ts'
import { quote } from '../wire/values.ts'
import { layHelp } from './help.ts'
import { type Io, processIo } from './io.ts'
import { printable } from './printable.ts'
import type { Words } from './run-words.ts'

// As CommonJS yargs is one file instead of thirty: a quarter of the time that `--help` takes.
const yargs: typeof import('yargs/yargs') = createRequire(import.meta.url)('yargs/yargs')

const commands = {
  run: 'measure targets now and say what is wrong',
  watch: 'probe one path without a pause: outages to the millisecond',
  inspect: 'judge a certificate, SVID, bundle or token offline',
  agent: 'measure for ever: checks on schedule, results over OTLP',
  controller: 'let agents in, tell them what to probe, keep and show what they measure',
  apply: 'give the controller a fleet file, after showing what it changes',
  check: 'have agents measure now between two places, for a pipeline',
  rules: 'the alert rules, for Prometheus: probe rules export',
  alerts: 'whether a receiver takes what it is told',
  get: 'what the controller knows: agents, targets, paths, links, history, incidents',
  incident: 'one incident: evidence for and against, what to do next; ack',
  silence: 'tell nobody of some incidents for a while',
  maintenance: 'judge nothing of something for a while: planned work',
  change: 'note what was changed, for whoever is paged next',
  baseline: 'accept what is measured now as usual',
  'join-token': 'a token that lets one agent enrol',
  login: 'keep a controller and the token for it',
  import: 'targets from the objects of a service mesh: probe import istio -',
  doctor: 'what an agent could do from here, and what to change',
  sim: 'three simulated clouds on this machine, and faults to switch on',
  version: 'which program this is',
} as const
type Command = keyof typeof commands

const shortWords: Record<string, string> = { '-h': '--help', '-v': '--version', '-f': '--file' }

/** Runs the command line. Results go to stdout, everything else to stderr. Returns the exit code. */
export const main = async (given: string[], io: Io): Promise<number> => {
  const args = given.map(word => shortWords[word] ?? word)
  const { sim } = await simOf(args)
  if (sim) return sim(args.slice(1), io)
  const { command, words, help } = parseArgs(args, io, await helpFor(args))
  if (help) {
    io.stdout.write(`${help}\n`)
    return 0
  }
  if (command === 'run') return (await import('./run.ts')).runCommand(words, args, io)
  if (command === 'watch') return (await import('./watch.ts')).watchCommand(words, io)
  if (command === 'agent') return (await import('./agent.ts')).agentCommand(words, io)
  if (command === 'controller') return (await import('./controller.ts')).controllerCommand(words, io)
  if (command === 'inspect') return (await import('./inspect.ts')).inspectCommand(words, io)
  const people = command && asking[command]
  if (people) return (await people())(words, io)
  const problems = command === 'version' ? versionProblems(words) : noCommandProblems(words)
  if (problems.length) {
    io.stderr.write(problems.map(problem => `probe: ${printable(problem)}\n`).join(''))
    return 2
  }
  return (await import('./version.ts')).versionCommand(io, words.flags.output?.[0] ?? 'human')
}

/** The commands of people, each of which takes words and options. */
const asking: { [K in Command]?: () => Promise<(words: Words, io: Io) => Promise<number>> } = {
  alerts: async () => (await import('./alerts.ts')).alertsCommand,
  apply: async () => (await import('./apply.ts')).applyCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  get: async () => (await import('./get.ts')).getCommand,
  rules: async () => (await import('./rules.ts')).rulesCommand,
  incident: async () => (await import('./incident.ts')).incidentCommand,
  silence: async () => (await import('./decide.ts')).decideCommand('silence'),
  maintenance: async () => (await import('./decide.ts')).decideCommand('maintenance'),
  change: async () => (await import('./decide.ts')).decideCommand('change'),
  baseline: async () => (await import('./decide.ts')).decideCommand('baseline'),
  'join-token': async () => (await import('./join-token.ts')).joinTokenCommand,
  login: async () => (await import('./login.ts')).loginCommand,
  import: async () => (await import('./import.ts')).importCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
}

/** The simulation reads its own words. */
const simOf = async (args: string[]): Promise<{ sim?: (argv: string[], io: Io) => Promise<number> }> =>
  args[0] === 'sim' ? { sim: (await import('./sim.ts')).simCommand } : {}

/** The options of the commands that have many, loaded only for those. */
type Help = { listOptions(parser: Argv, isHelpAsked: boolean): Argv; shapeOf(option: string): string }
const helps: { [K in Command]?: () => Promise<Help> } = {
  run: () => import('./run-help.ts'),
  watch: () => import('./watch-help.ts'),
  inspect: () => import('./inspect-help.ts'),
  agent: () => import('./agent-help.ts'),
  controller: () => import('./controller-help.ts'),
  alerts: () => import('./alerts-help.ts'),
  apply: () => import('./apply-help.ts'),
  check: () => import('./check-help.ts'),
  get: () => import('./get-help.ts'),
  rules: () => import('./rules-help.ts'),
  incident: () => import('./incident-help.ts'),
  silence: async () => (await import('./decide-help.ts')).decisions.silence.help,
  maintenance: async () => (await import('./decide-help.ts')).decisions.maintenance.help,
  change: async () => (await import('./decide-help.ts')).decisions.change.help,
  baseline: async () => (await import('./decide-help.ts')).decisions.baseline.help,
  'join-token': () => import('./join-token-help.ts'),
  login: () => import('./login-help.ts'),
  import: () => import('./import-help.ts'),
  doctor: () => import('./doctor-help.ts'),
}
type Helps = { [K in Command]?: Help }
const helpFor = async (args: string[]): Promise<Helps> => {
  const found: Helps = {}
  for (const name of Object.keys(helps) as Command[]) if (args.includes(name)) found[name] = await helps[name]?.()
  return found
}

type Parsed = { command?: Command; words: Words; help?: string }

/** yargs splits the words and writes the help; what the words mean is judged elsewhere, so that all problems are told at once. */
const parseArgs = (args: string[], io: Io, helps: Helps): Parsed => {
  let command: Command | undefined
  let help: string | undefined
  const choose = (name: Command) => () => {
    command = name
  }
  const parser = yargs()
    .scriptName('probe')
    .usage('$0 <command>\n\nFinds out why one cloud cannot reach another.')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .detectLocale(false)
    .version(false)
    .option('version', { type: 'boolean', describe: commands.version })
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message)
    })
    .wrap(null)
  // yargs lays out the help of a command that was not asked for it too; with no option to show that costs next to nothing.
  const isHelpAsked = args.some(word => word.includes('help'))
  const optionsOf = (name: Command) => (of: Argv) =>
    name === 'version' ? versionOptions(of) : (helps[name]?.listOptions(of, isHelpAsked) ?? of)
  for (const name of Object.keys(commands) as Command[]) parser.command(name, commands[name], optionsOf(name), choose(name))
  const argv = parser.parseSync(args, {}, (_error, _argv, output) => {
    if (output) help = layHelp(output, Math.min(100, io.stdout.columns ?? 100), Object.values(helps)[0]?.shapeOf)
  })
  const { _: positional, $0: _program, help: _help, version, ...rest } = argv
  const given = version && command ? { ...rest, version } : rest
  if (version && !command && !positional.length) command = 'version'
  const flags = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value].flat().map(String)]))
  return { command, help, words: { targets: positional.slice(command ? 1 : 0).map(String), flags } }
}

const versionOptions = (parser: Argv): Argv => parser.option('output', { type: 'string', describe: 'human|json' })

const versionProblems = ({ targets, flags }: Words): string[] => [
  ...targets.map(word => `version: ${quote(word)} does not belong here`),
  ...Object.keys(flags)
    .filter(name => name !== 'output')
    .map(name => `--${name}: unknown option of version, it has --output`),
  ...(flags.output ?? ['human'])
    .filter(output => output !== 'human' && output !== 'json')
    .map(output => `--output: got ${quote(output)}, want human or json`),
]

const noCommandProblems = ({ targets, flags }: Words): string[] => [
  targets[0] === undefined
    ? `no command, want one of ${Object.keys(commands).join(', ')}; see probe --help`
    : `unknown command ${quote(targets[0])}, ${commandHint(targets[0])}`,
  ...Object.keys(flags).map(name => `--${name}: unknown option, see probe --help`),
]

const commandHint = (word: string) => {
  const near = nearest(word, Object.keys(commands))
  if (near) return `did you mean ${near}?`
  return `want one of ${Object.keys(commands).join(', ')}${/[.:]/.test(word) ? `; to measure it: probe run ${word}` : ''}`
}

/** Runs as the process: what stays open after the end would only make people wait. */
export const start = async (args: string[]): Promise<void> => {
  const io = processIo()
  const code = await main(args, io).catch(error => {
    io.stderr.write(`probe: a fault of this program: ${error instanceof Error ? error.stack : error}\n`)
    return 3
  })
  await new Promise(resolve => process.stdout.write('', resolve))
  process.exit(code)
}
