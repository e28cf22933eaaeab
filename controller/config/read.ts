/** The controller's configuration: flags, variables and the file, in that order, with every problem of all of them at once. */
import { formatProblem, readDocument } from '../../wire/document.ts'
import type { Problem, Steps } from '../../wire/problem.ts'
import { Secret } from '../../wire/secret.ts'
import { bad, good, type Parsed, parseDurationMs, quote } from '../../wire/values.ts'
import { judgeListen, type Listen } from '../authority/listen.ts'
import type { TlsFiles } from '../authority/tls-files.ts'
import type { Provider } from '../enrol/person.ts'
import { type ConfigFile, configSchema, type SecretFile } from './schema.ts'

/** What may stand in a flag or a variable as well as in the file. */
export const settings = {
  listen: { flag: 'listen', variable: 'CAUSEWAY_LISTEN', help: 'default 127.0.0.1:8080; TLS everywhere but on loopback' },
  data: { flag: 'data', variable: 'CAUSEWAY_DATA', help: 'directory of the embedded store' },
  store: { flag: 'store', variable: 'CAUSEWAY_STORE', help: 'postgres://… instead of the embedded store' },
  storeCa: { flag: 'store-ca', variable: 'CAUSEWAY_STORE_CA', help: 'PEM file of the authority of the PostgreSQL server' },
  fleet: { flag: 'fleet', variable: 'CAUSEWAY_FLEET', help: 'fleet file, applied at the start and whenever it changes' },
  location: { flag: 'location', variable: 'CAUSEWAY_LOCATION', help: 'cloud/region it runs in, for what telemetry costs' },
} as const satisfies Partial<Record<keyof ConfigFile, { flag: string; variable: string; help: string }>>

export type Export = { url: string; headers: Readonly<Record<string, Secret>>; everyMs: number }
export type Retention = { minutesMs: number; tenMinutesMs: number; hoursMs: number; bytes?: number }
/** Everything a controller knows before it starts. */
export type ControllerConfig = {
  listen: Listen
  /** By which agents reach it; the first is what it tells people. */
  names: readonly string[]
  /** Where people find it, without a slash at the end. Absent: nobody said, and links would lead nowhere. */
  publicUrl?: string
  tls?: TlsFiles
  data: string
  store?: { url: Secret; caFile?: string }
  fleetFile?: string
  location?: { cloud: string; region: string }
  provider?: Provider
  exports: readonly Export[]
  retention: Retention
}

export type Sources = {
  file?: string
  flags: Partial<Record<string, string>>
  /** `--export` and `--name`, any number of times. */
  exports: readonly string[]
  names: readonly string[]
  environment: Record<string, string | undefined>
  /** Throws as `fs.readFileSync` does. */
  readFile: (path: string) => string
  defaultData: () => string
}

type Note = (steps: Steps, message: string) => void
const hourMs = 3_600_000
const defaultListen = '127.0.0.1:8080'

/** The configuration, or every problem as a line with its place. Never throws. */
export const readConfig = (sources: Sources): Parsed<ControllerConfig> => {
  const problems: string[] = []
  const { value: file, at } = readFile(sources, problems)
  const place = sources.file ?? 'configuration'
  const note: Note = (steps, message) => void problems.push(formatProblem(place, at(steps, message)))
  const given = layOver(file, sources)
  const [cloud = '', region = ''] = (given.location ?? '').split('/')
  if (given.location !== undefined && !/^[^/\s]+\/[^/\s]+$/.test(given.location))
    note(['location'], `got ${quote(given.location)}, want cloud/region`)
  const secretOf = readSecrets(sources, note)
  const [listen, names] = [readListen(given, note), [...sources.names, ...(given.names ?? [])]]
  const publicUrl = readPublicUrl(given.url, listen, names, note)
  const config: ControllerConfig = {
    listen,
    names,
    ...(publicUrl !== undefined && { publicUrl }),
    ...(typeof given.tls === 'object' && { tls: given.tls }),
    data: given.data ?? sources.defaultData(),
    ...(given.store !== undefined && { store: readStore(given, secretOf, note) }),
    ...(given.fleet !== undefined && { fleetFile: given.fleet }),
    ...(given.location !== undefined && { location: { cloud, region } }),
    ...(given.oidc && { provider: { groupsClaim: 'groups', groups: {}, ...given.oidc } }),
    exports: readExports(given, sources, secretOf, note),
    retention: readRetention(given, note),
  }
  return problems.length > 0 ? bad(...problems) : good(Object.freeze(config))
}

type File = { value: ConfigFile; at: (steps: Steps, message: string) => Problem }
const noFile: File = { value: {}, at: (steps, message) => ({ path: steps.join('.'), message }) }

const readFile = ({ file, readFile: read }: Sources, problems: string[]): File => {
  if (file === undefined) return noFile
  try {
    const document = readDocument<ConfigFile>(read(file), configSchema)
    if (document.ok) return document
    problems.push(...document.problems.map(problem => formatProblem(file, problem)))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.push(
      `${file}: ${code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'may not be read by this user' : `cannot be read (${code})`}`,
    )
  }
  return noFile
}

/** Flags over variables over the file. An empty variable is none. */
const layOver = (file: ConfigFile, { flags, environment }: Sources): ConfigFile => {
  const over = Object.entries(settings).flatMap(([name, { flag, variable }]) => {
    const given = flags[flag] ?? (environment[variable] || undefined)
    return given === undefined ? [] : [[name, given]]
  })
  return { ...file, ...Object.fromEntries(over) }
}

const readListen = ({ listen = defaultListen, tls }: ConfigFile, note: Note): Listen => {
  const judged = judgeListen(listen, tls)
  if (judged.ok) return judged.value
  note(['listen'], judged.problems.join('; '))
  return { host: '127.0.0.1', port: 0, scheme: 'http' }
}

const readPublicUrl = (url: string | undefined, { scheme, port }: Listen, names: readonly string[], note: Note): string | undefined => {
  const [name] = names
  if (url === undefined)
    return name === undefined || port === 0 ? undefined : `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed && /^https?:$/.test(parsed.protocol) && !parsed.search && !parsed.hash) return parsed.href.replace(/\/+$/, '')
  note(['url'], `got ${quote(url)}, want https://host`)
  return undefined
}

/** A secret, from where it says it is; nothing and a problem when it is not there. */
const readSecrets =
  ({ environment, readFile: read }: Sources, note: Note) =>
  (given: SecretFile, steps: Steps): Secret => {
    if (typeof given === 'string') return new Secret(given)
    if ('env' in given) {
      const value = environment[given.env]
      if (!value) note(steps, `the variable ${given.env} is not set`)
      return new Secret(value ?? '')
    }
    try {
      return new Secret(read(given.file).trim())
    } catch (error) {
      note(steps, `${given.file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
      return new Secret('')
    }
  }
type SecretOf = ReturnType<typeof readSecrets>

const readStore = ({ store, storeCa }: ConfigFile, secretOf: SecretOf, note: Note): NonNullable<ControllerConfig['store']> => {
  const url = secretOf(store!, ['store'])
  // The text is not repeated: it has a password in it.
  if (url.reveal() !== '' && !/^postgres(ql)?:\/\//.test(url.reveal())) note(['store'], 'want postgres://user:password@host:port/database')
  return { url, ...(storeCa !== undefined && { caFile: storeCa }) }
}

const readExports = (given: ConfigFile, { exports: words }: Sources, secretOf: SecretOf, note: Note): Export[] => [
  ...words.flatMap((url): Export[] => {
    if (/^https?:\/\/[^\s]+$/.test(url)) return [{ url, headers: {}, everyMs: 30_000 }]
    note(['export'], `(--export) got ${quote(url)}, want https://host:port`)
    return []
  }),
  ...(given.export ?? []).map(({ url, headers = {}, every = '30s' }, index): Export => {
    const everyMs = readDuration(every, ['export', index, 'every'], note)
    if (everyMs < 1000) note(['export', index, 'every'], `got ${every}, want at least 1s`)
    const read = Object.entries(headers).map(([name, value]) => [name, secretOf(value, ['export', index, 'headers', name])])
    return { url, headers: Object.fromEntries(read), everyMs }
  }),
]

const readRetention = ({ keep = {} }: ConfigFile, note: Note): Retention => {
  const { minutes = '48h', tenMinutes = '336h', hours = '9500h', bytes } = keep
  const [minutesMs, tenMinutesMs, hoursMs] = [
    readDuration(minutes, ['keep', 'minutes'], note),
    readDuration(tenMinutes, ['keep', 'tenMinutes'], note),
    readDuration(hours, ['keep', 'hours'], note),
  ]
  if (minutesMs < hourMs) note(['keep', 'minutes'], `got ${minutes}, want at least 1h`)
  if (tenMinutesMs < minutesMs) note(['keep', 'tenMinutes'], `got ${tenMinutes}, want at least keep.minutes, ${minutes}`)
  if (hoursMs < tenMinutesMs) note(['keep', 'hours'], `got ${hours}, want at least keep.tenMinutes, ${tenMinutes}`)
  return { minutesMs, tenMinutesMs, hoursMs, ...(bytes !== undefined && { bytes }) }
}

const readDuration = (text: string, steps: Steps, note: Note): number => {
  const parsed = parseDurationMs(text)
  if (!parsed.ok) note(steps, parsed.problems[0]!)
  return parsed.ok ? parsed.value : Number.POSITIVE_INFINITY
}
