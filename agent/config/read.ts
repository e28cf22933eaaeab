/**
 * The agent's configuration: flags, variables and the file, in that order, with every problem of all of them at once. The files that it names are
 * read here too, as far as they must be right from the start (policy); certificates are read where they are used, since they change.
 */
import { hostname } from 'node:os'
import { defaultPolicy, type Policy } from '../../judge/policy.ts'
import { parsePolicy } from '../../judge/policy-file.ts'
import { formatProblem, readDocument } from '../../wire/document.ts'
import { readStandardVariables } from '../../wire/options-federation.ts'
import type { Problem } from '../../wire/problem.ts'
import { parseTarget } from '../../wire/target.ts'
import { bad, good, type Parsed, parseSizeBytes, quote } from '../../wire/values.ts'
import { expand, type RunsAs } from '../expand.ts'
import type { Path } from '../path.ts'
import { parseAdvertise } from './advertise.ts'
import type { AgentConfig, Self } from './config.ts'
import { controllerEndpoint, readController } from './controller.ts'
import { readEndpoints } from './endpoints.ts'
import { parseLabels } from './labels.ts'
import { type Environment, type Flags, layOver, settings } from './layers.ts'
import { ownIdentity } from './own-identity.ts'
import { resolvePaths } from './relative.ts'
import { type ConfigFile, configSchema } from './schema.ts'
import { soundParts } from './sound-parts.ts'

/** What reading a configuration needs of the world. `readFile` throws as `fs.readFileSync` does. */
export type Sources = {
  /** The path of the file; none is an agent that only answers. */
  file?: string
  flags: Flags
  /** `--export`, any number of times. */
  exports: readonly string[]
  environment: Environment
  readFile: (path: string) => string
  /** Where data goes when nothing says so. */
  defaultData: () => string
}

const defaultPorts = { tcp: 7460, udp: 7460, tls: 7461, mtls: 7462 }
const defaultListen = '127.0.0.1:9464'
const defaultSpool = '256MiB'
/** A spool smaller than this could not hold a minute of a large agent. */
const leastSpoolBytes = 2 ** 20

/** The configuration, frozen, or every problem as a line with its place. Never throws. */
export const readConfig = (sources: Sources): Parsed<AgentConfig> => {
  const problems: string[] = []
  const file = sources.file === undefined ? emptyFile : readFile(sources.file, sources.readFile, problems)
  const place = sources.file ?? 'configuration'
  const note = (path: readonly (string | number)[], message: string): void =>
    void problems.push(formatProblem(place, file.at(path, message)))
  const layered = layOver(file.value, sources.flags, sources.environment)
  const endpoints = readEndpoints(layered.export ?? [], sources, note)
  const controller = readController(layered, sources, note)
  if (controller && endpoints.some(({ name }) => name === controllerEndpoint))
    note(['export'], `${controllerEndpoint} is the name of the controller's own endpoint, want another`)
  const {
    paths,
    problems: wrong,
    elsewhere,
  } = expand(
    { targets: layered.targets ?? [], checks: layered.checks ?? [] },
    ownIdentity(layered.identity ?? {}, sources.environment),
    runsAs(layered, note),
  )
  for (const { path, message } of wrong) note(path, message)
  const self = readSelf(layered, note)
  const listen = readListen(layered, sources, note)
  const spoolLimitBytes = readSpoolLimit(layered, note)
  const policy = readPolicy(layered.policy, sources, problems)
  if (layered.identity?.cert !== undefined && layered.identity.key === undefined)
    note(['identity', 'key'], 'is missing: the key of identity.cert')
  if (problems.length > 0) return bad(...byLine(problems))
  return good(
    Object.freeze({
      self,
      identity: Object.freeze({ ...layered.identity }),
      variables: Object.freeze(readStandardVariables(sources.environment)),
      controller,
      paths,
      probesPerSecond: layered.probesPerSecond,
      responder: readResponder(layered),
      endpoints,
      data: layered.data ?? sources.defaultData(),
      spoolLimitBytes,
      listen,
      policy,
      policyFile: layered.policy,
      notes: notesOn(layered, paths, policy, elsewhere),
    }),
  )
}

/** In the order of the file, as one reads it; what has no line keeps its place before. */
const byLine = (problems: readonly string[]): string[] =>
  problems.toSorted((a, b) => Number(/:(\d+): /.exec(a)?.[1] ?? 0) - Number(/:(\d+): /.exec(b)?.[1] ?? 0))

type File = { value: ConfigFile; at: (path: readonly (string | number)[], message: string) => Problem }
const emptyFile: File = { value: {}, at: (path, message) => ({ path: path.join('.'), message }) }

const readFile = (path: string, read: Sources['readFile'], problems: string[]): File => {
  const text = readText(path, read, problems)
  if (text === undefined) return emptyFile
  const document = readDocument<ConfigFile>(text, configSchema)
  if (document.ok) return { ...document, value: resolvePaths(document.value, path) }
  problems.push(...document.problems.map(problem => formatProblem(path, problem)))
  if (!document.partial) return emptyFile
  const { value, wrong, at } = document.partial
  return { value: resolvePaths(soundParts(value, wrong), path), at }
}

const readText = (path: string, read: Sources['readFile'], problems: string[]): string | undefined => {
  try {
    return read(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.push(
      `${path}: ${code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'may not be read by this user' : `cannot be read (${code})`}`,
    )
    return undefined
  }
}

const readPolicy = (path: string | undefined, { readFile: read }: Sources, problems: string[]): Policy => {
  if (path === undefined) return defaultPolicy
  const text = readText(path, read, problems)
  if (text === undefined) return defaultPolicy
  const parsed = parsePolicy(text)
  if (parsed.ok) return parsed.value
  problems.push(...parsed.problems.map(problem => `${path}: ${problem}`))
  return defaultPolicy
}

const readSelf = ({ agent = {} }: ConfigFile, note: Note): Self => {
  const { id, cluster, node, runner = false, interception = 'check', advertise = [], labels = {}, ...place } = agent
  const named = id ?? (cluster !== undefined && node !== undefined ? `${cluster}.${node}` : hostname())
  return Object.freeze({
    ...place,
    id: named,
    cluster,
    node,
    runner,
    checkInterception: interception === 'check',
    advertise: readEither<Self['advertise']>('advertise', advertise, parseAdvertise, note) ?? [],
    labels: readEither<Self['labels']>('labels', labels, parseLabels, note) ?? {},
  })
}

/** Whole in the file; in a flag or a variable a text. */
const readEither = <T>(name: string, given: T | string, parse: (text: string) => Parsed<T>, note: Note): T | undefined => {
  const parsed = typeof given === 'string' ? parse(given) : good(given)
  if (!parsed.ok) for (const problem of parsed.problems) note(['agent', name], problem)
  return parsed.ok ? Object.freeze(parsed.value) : undefined
}

/** Under a controller others measure the way to us unless the file says no; alone they do when it says so. */
const readResponder = ({ responder: given, controller }: ConfigFile): AgentConfig['responder'] => {
  const responder = given ?? (controller ? {} : undefined)
  if (responder === undefined || responder.enabled === false) return undefined
  const { enabled: _, bind, ...ports } = responder
  return Object.freeze({ bind: bind ?? ['0.0.0.0', '::'], ...defaultPorts, ...ports })
}

type Note = (path: readonly (string | number)[], message: string) => void

const readListen = ({ listen = defaultListen }: ConfigFile, { flags, environment }: Sources, note: Note): AgentConfig['listen'] => {
  if (listen === 'off') return undefined
  // Port 0 is the kernel's choice: good for listening, and no target.
  const isAnyPort = listen.endsWith(':0')
  const parsed = parseTarget(isAnyPort ? `${listen.slice(0, -1)}1` : listen)
  if (parsed.ok && parsed.value.port !== undefined && !parsed.value.kind)
    return { host: parsed.value.host, port: isAnyPort ? 0 : parsed.value.port }
  const who = flags['listen'] !== undefined ? '--listen' : environment[settings.listen.variable] ? settings.listen.variable : ''
  note(['listen'], `${who ? `(${who}) ` : ''}got ${quote(listen)}, want address:port, or off`)
  return undefined
}

const readSpoolLimit = ({ spool }: ConfigFile, note: Note): number => {
  const parsed = parseSizeBytes((spool?.limit ?? defaultSpool).replace(' ', ''))
  if (!parsed.ok) note(['spool', 'limit'], parsed.problems[0]!)
  else if (parsed.value < leastSpoolBytes) note(['spool', 'limit'], `got ${spool?.limit}, want at least 1MiB`)
  return parsed.ok ? parsed.value : 0
}

const runsAs = ({ agent = {} }: ConfigFile, note: Note): RunsAs => {
  if (!agent.runner) return undefined
  const { namespace, serviceAccount } = agent
  if (namespace === undefined) note(['agent', 'namespace'], 'is missing: a runner is told by its namespace and service account')
  if (serviceAccount === undefined) note(['agent', 'serviceAccount'], 'is missing: a runner is told by its namespace and service account')
  return { namespace: namespace ?? '', serviceAccount: serviceAccount ?? '' }
}

const notesOn = (file: ConfigFile, paths: readonly Path[], { budgets }: Policy, elsewhere: readonly string[]): readonly string[] => {
  const perSecond = paths.reduce((sum, { everyMs }) => sum + 1000 / everyMs, 0)
  const allowed = Math.min(budgets.probesPerSecond, file.probesPerSecond ?? Number.POSITIVE_INFINITY)
  return [
    ...(paths.length === 0 && !file.controller ? ['no checks: this agent only answers others'] : []),
    ...(paths.length > 0 && !file.export?.length && !file.controller ? ['no export: results are on /metrics only'] : []),
    ...(elsewhere.length > 0 ? [`checks for agents with another identity, not run here: ${elsewhere.join(', ')}`] : []),
    ...(perSecond > allowed
      ? [
          `${Math.ceil(perSecond)} probes a second are asked for and ${allowed} are allowed: the rest is target_denied; see budgets of the policy`,
        ]
      : []),
  ]
}
