/** The options of `probe run`, each once: its name, where its value goes, how it is read, what the help says of it. */
import { type Options, optionSchemas } from '../wire/options.ts'
import { type Kind, kinds } from '../wire/result.ts'
import { formatDuration, type Parsed, parseDurationMs, parseNumber, parseRatio, parseSizeBytes } from '../wire/values.ts'

export const outputs = ['human', 'json', 'ndjson', 'junit', 'markdown'] as const
export type Output = (typeof outputs)[number]

type OptionName<K extends Kind> = Extract<keyof Options[K], string>
/** Which option of which kind a flag sets. Empty: it is about the run, not about a probe. */
type Into = { [K in Kind]?: OptionName<K> }

type Flag = {
  into: Into
  /** What the value looks like, for the help. */
  value: string
  /** Only where the schema's description is missing or says something else. */
  help?: string
  repeatable?: true
  /** A number whose range the schemas know; others are read in `run-options.ts`. */
  number?: { parse: (text: string) => Parsed<number>; show: (value: number) => string }
}

const plain = { parse: parseNumber, show: String }
const duration = { parse: parseDurationMs, show: formatDuration }
const bytes = { parse: parseSizeBytes, show: String }
const ratio = { parse: parseRatio, show: (value: number) => `${value * 100}%` }

export const flags = {
  count: { into: { icmp: 'count', udp: 'count' }, value: 'n', help: 'echoes [5] or datagrams [100] to send', number: plain },
  interval: {
    into: { icmp: 'intervalMs', udp: 'intervalMs' },
    value: 'duration',
    help: 'time between two echoes [200ms] or datagrams [10ms]',
    number: duration,
  },
  timeout: {
    into: {
      bundle: 'timeoutMs',
      dns: 'timeoutMs',
      federation: 'timeoutMs',
      http: 'timeoutMs',
      icmp: 'replyTimeoutMs',
      mtls: 'timeoutMs',
      mtu: 'timeoutMs',
      tcp: 'timeoutMs',
      tls: 'timeoutMs',
      trace: 'replyTimeoutMs',
      udp: 'replyTimeoutMs',
    },
    value: 'duration',
    help: 'time for each step; for icmp, udp and trace how long to wait for the last reply',
    number: duration,
  },
  family: { into: { dns: 'family' }, value: '4|6', help: 'IP family; without it the first address that a name has' },
  source: {
    into: {
      bundle: 'source',
      federation: 'source',
      http: 'source',
      icmp: 'source',
      mtls: 'source',
      mtu: 'source',
      tcp: 'source',
      tls: 'source',
      trace: 'source',
      udp: 'source',
    },
    value: 'address',
  },
  resolver: { into: { dns: 'resolvers' }, value: 'address', repeatable: true },
  'expect-address': { into: { dns: 'expect' }, value: 'prefix', repeatable: true },
  size: {
    into: { icmp: 'sizeBytes', udp: 'sizeBytes' },
    value: 'bytes',
    help: 'data of an echo [56] or a datagram [100], without headers',
    number: bytes,
  },
  'max-loss': { into: { icmp: 'maxLoss', udp: 'maxLoss' }, value: 'ratio', number: ratio },
  'max-steps': { into: { mtu: 'maxSteps' }, value: 'n', number: plain },
  flows: {
    into: { tcp: 'flows', trace: 'flows', udp: 'flows' },
    value: 'n',
    help: 'flows to trace or to connect by [1], or source ports to send from [4]: routers with several ways choose by flow',
    number: plain,
  },
  'source-port': {
    into: { icmp: 'identifier', tcp: 'sourcePort', trace: 'firstFlow', udp: 'sourcePort' },
    value: 'port',
    help: 'pin the flow: this source port in every run, of echoes the identifier; with --flows the next ones too. Best above 60999, where the system takes none',
    number: plain,
  },
  protocol: { into: { trace: 'protocol' }, value: 'icmp|udp|tcp' },
  queries: { into: { trace: 'queries' }, value: 'n', number: plain },
  'max-hops': { into: { trace: 'maxHops' }, value: 'n', number: plain },
  'expect-agent': { into: { tcp: 'expectAgent', udp: 'expectAgent' }, value: 'id' },
  payload: { into: { tcp: 'payloadBytes' }, value: 'bytes', number: bytes },
  sni: { into: { bundle: 'sni', http: 'sni', mtls: 'sni', mtu: 'sni', tls: 'sni' }, value: 'name' },
  alpn: { into: { http: 'alpn', mtls: 'alpn', mtu: 'alpn', tls: 'alpn' }, value: 'protocols', repeatable: true },
  ca: {
    into: { bundle: 'ca', federation: 'caFile', http: 'ca', mtls: 'caFile', tls: 'ca' },
    value: 'file',
    help: 'PEM of the authorities to trust, instead of the public ones',
  },
  cert: { into: { http: 'cert', mtls: 'certFile', tls: 'cert' }, value: 'file', help: 'PEM of our certificate and its chain' },
  key: { into: { http: 'key', mtls: 'keyFile', tls: 'key' }, value: 'file', help: 'PEM of our private key' },
  'workload-api': { into: { bundle: 'workloadApi', mtls: 'workloadApi' }, value: 'socket' },
  bundle: { into: { bundle: 'bundles', mtls: 'bundles' }, value: 'td=file', repeatable: true },
  'expect-id': {
    into: { bundle: 'endpointId', mtls: 'expectId' },
    value: 'spiffe-id',
    help: 'the SPIFFE ID that the other side must have',
  },
  'trust-domain': {
    into: { bundle: 'trustDomain', mtls: 'expectTrustDomain' },
    value: 'name',
    help: 'the trust domain of the other side, or of the bundle',
  },
  profile: { into: { bundle: 'profile' }, value: 'https_web|https_spiffe' },
  negative: { into: { mtls: 'negative' }, value: '' },
  'sni-pair': { into: { mtls: 'sniPair' }, value: '' },
  hold: { into: { mtls: 'holdMs' }, value: 'duration', number: duration },
  'hold-every': { into: { mtls: 'holdEveryMs' }, value: 'duration', number: duration },
  method: { into: { http: 'method' }, value: 'GET|HEAD|POST' },
  header: { into: { http: 'headers' }, value: 'name:value', repeatable: true, help: 'request header; never shown' },
  body: { into: { http: 'body' }, value: 'text' },
  'expect-status': { into: { http: 'expectStatus' }, value: 'status', repeatable: true },
  'expect-body': { into: { http: 'expectBody' }, value: 'text' },
  'expect-pattern': { into: { http: 'expectPattern' }, value: 'regex' },
  redirects: { into: { http: 'redirects' }, value: 'n', number: plain },
  'grpc-health': { into: { http: 'grpcService' }, value: '', help: 'ask the gRPC health service, instead of a request' },
  'grpc-service': { into: { http: 'grpcService' }, value: 'name', help: 'ask the gRPC health service for this service' },
  'token-from': { into: { federation: 'tokenFrom', http: 'tokenFrom' }, value: 'file|url|azure|gcp|aws' },
  'token-file': {
    into: { federation: 'tokenFile', http: 'tokenFile' },
    value: 'file',
    help: 'file with our token; http: the bearer of the request',
  },
  'token-url': {
    into: { federation: 'tokenUrl', http: 'tokenUrl' },
    value: 'url',
    help: 'URL that gives our token; http: the bearer of the request',
  },
  audience: { into: { federation: 'audience', http: 'audience' }, value: 'text' },
  issuer: { into: { federation: 'issuer' }, value: 'url' },
  subject: { into: { federation: 'subject' }, value: 'text' },
  'role-arn': { into: { federation: 'roleArn' }, value: 'arn' },
  region: { into: { federation: 'region' }, value: 'name' },
  'tenant-id': { into: { federation: 'tenantId' }, value: 'id' },
  'client-id': { into: { federation: 'clientId' }, value: 'id' },
  scope: { into: { federation: 'scope' }, value: 'scope' },
  provider: { into: { federation: 'provider' }, value: 'name' },
  impersonate: { into: { federation: 'serviceAccount' }, value: 'email' },
  'credentials-file': { into: { federation: 'credentialsFile' }, value: 'file' },
  endpoint: { into: { federation: 'endpoint' }, value: 'url' },
  'iam-endpoint': { into: { federation: 'iamEndpoint' }, value: 'url' },
  call: { into: { federation: 'call' }, value: 's3|blob|gcs|vertex|url' },
  resource: { into: { federation: 'resource' }, value: 'name' },
  'call-url': { into: { federation: 'callUrl' }, value: 'url' },
  'call-method': { into: { federation: 'callMethod' }, value: 'GET|HEAD|POST' },
  'call-body': { into: { federation: 'callBody' }, value: 'text' },
  'no-ladder': { into: { tls: 'ladder' }, value: '', help: 'only one ClientHello, instead of three sizes of it' },
  output: { into: {}, value: 'format', help: `what is printed: ${outputs.join(', ')} [human]` },
  evidence: { into: {}, value: 'file', help: 'also write a transcript to attach to a ticket, secrets removed' },
} as const satisfies Record<string, Flag>

export type FlagName = keyof typeof flags
export const flagNames = Object.keys(flags) as FlagName[]
export const flagOf = (name: FlagName): Flag => flags[name]
export const kindsOfFlag = (name: FlagName): Kind[] => kinds.filter(kind => flagOf(name).into[kind] !== undefined)

type NumberSchema = { minimum?: number; maximum?: number; type?: string; default?: unknown; description: string }

/** The schema of the option that a flag sets for a kind. */
export const schemaOf = (kind: Kind, option: string): NumberSchema =>
  (optionSchemas[kind].properties as Record<string, NumberSchema>)[option]!

/** One line of help: the schema's description and its default, as people would type it. */
export const helpOf = (name: FlagName): string => {
  const flag = flagOf(name)
  const [kind] = kindsOfFlag(name)
  const schema = kind && schemaOf(kind, flag.into[kind]!)
  const shown = typeof schema?.default === 'number' && !('help' in flags[name]) ? ` [${flag.number!.show(schema.default)}]` : ''
  const of = kind && kindsOfFlag(name).length < 4 && name !== 'family' ? `${kindsOfFlag(name).join(', ')}: ` : ''
  return `${of}${flag.help ?? schema?.description}${shown}`
}
