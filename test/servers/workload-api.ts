/** A SPIFFE Workload API on a Unix socket. It is built from the .proto by grpc's own loader, so that the probe's decoder meets another encoder. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { TestSvid, TrustDomain } from './spiffe.ts'

export type SvidEntry = { svid: Pick<TestSvid, 'id' | 'chainDer' | 'keyDer'>; bundleDer: Buffer; hint?: string }

/** Complete state, as both streams tell it. */
export type WorkloadState = {
  svids: SvidEntry[]
  federated?: Record<string, Buffer>
  bundles?: Record<string, Buffer>
  crls?: Buffer[]
  jwt?: JwtState
}
/** By trust domain: who issues JWT-SVIDs to this workload, and whose are taken. The identities are those of `svids`. */
export type JwtState = { own: TrustDomain; accepted: readonly TrustDomain[] }

/** How calls are answered. `silent`: accepted and never answered. `ends`: one answer and then the end of the stream. */
export const workloadApiModes = [
  'serve',
  'permission denied',
  'unavailable',
  'invalid argument',
  'no bundle calls',
  'silent',
  'ends',
  'garbage',
] as const
export type WorkloadApiMode = (typeof workloadApiModes)[number]

export type WorkloadApi = {
  /** What SPIFFE_ENDPOINT_SOCKET is to be. */
  address: string
  path: string
  /** Tells every open stream, and later ones, the new state. */
  rotate(state: WorkloadState): void
  /** A change of mode ends open streams in the way of the new mode, but for `serve`. */
  setMode(mode: WorkloadApiMode): void
  /** The socket is gone, with all its streams, until `appear`. */
  disappear(): Promise<void>
  appear(): Promise<void>
  /** Streams open now, and calls since the start. */
  streams(): number
  calls(): number
  close(): Promise<void>
}

type Stream = ServerWritableStream<unknown, unknown>
type Call = { stream: Stream; kind: 'svids' | 'bundles' | 'jwt bundles' }

const proto = fileURLToPath(new URL('../../probes/identity/workload-api.proto', import.meta.url))
const service = (loadPackageDefinition(loadSync(proto, { keepCase: true })) as GrpcObject)['SpiffeWorkloadAPI'] as ServiceClientConstructor

/** What a server of this trust domain tells a workload with these SVIDs. */
export const stateOf = (domain: TrustDomain, svids: TestSvid[], federated: TrustDomain[] = []): WorkloadState => {
  const others = Object.fromEntries(federated.map(other => [other.id, other.bundleDer()]))
  const bundleDer = domain.bundleDer()
  const jwt = { own: domain, accepted: [domain, ...federated] }
  return { svids: svids.map(svid => ({ svid, bundleDer })), federated: others, bundles: { [domain.id]: bundleDer, ...others }, jwt }
}

const refusals = {
  'permission denied': { code: status.PERMISSION_DENIED, details: 'no identity issued' },
  unavailable: { code: status.UNAVAILABLE, details: 'agent is starting' },
  'invalid argument': { code: status.INVALID_ARGUMENT, details: 'security header missing from request' },
} as const

const messageOf = (kind: Call['kind'], { svids, federated = {}, bundles = {}, crls = [], jwt }: WorkloadState) =>
  kind === 'jwt bundles'
    ? { bundles: Object.fromEntries((jwt?.accepted ?? []).map(domain => [domain.id, jwksOf(domain)])) }
    : kind === 'bundles'
      ? { crl: crls, bundles }
      : {
          svids: svids.map(({ svid, bundleDer, hint = '' }) => ({
            spiffe_id: svid.id,
            x509_svid: svid.chainDer,
            x509_svid_key: svid.keyDer,
            bundle: bundleDer,
            hint,
          })),
          crl: crls,
          federated_bundles: federated,
        }

/** Empty fields are not on the wire. */
type JwtCall = { audience?: string[]; spiffe_id?: string }
type Refusal = { code: number; details: string }
const refuse = (details: string): Refusal => ({ code: status.INVALID_ARGUMENT, details })

/** One token for each identity, or for the one asked for; refuses as SPIRE's agent does. */
function issueJwts({ svids, jwt }: WorkloadState, { audience = [], spiffe_id = '' }: JwtCall): { svids: object[] } | Refusal {
  if (audience.length === 0) return refuse('audience must be specified')
  const chosen = svids.filter(({ svid }) => spiffe_id === '' || svid.id === spiffe_id)
  if (!jwt || chosen.length === 0) return refusals['permission denied']
  const mint = ({ svid, hint = '' }: SvidEntry) => ({
    spiffe_id: svid.id,
    svid: jwt.own.jwtSvid({ path: svid.id.slice(jwt.own.id.length), audience }),
    hint,
  })
  return { svids: chosen.map(mint) }
}

/** A JWK set of JWT authorities, without `use`. */
const jwksOf = (domain: TrustDomain): Buffer => {
  const { keys } = JSON.parse(domain.document()) as { keys: { use: string }[] }
  return Buffer.from(JSON.stringify({ keys: keys.filter(({ use }) => use === 'jwt-svid').map(({ use: _, ...key }) => key) }))
}

async function validateJwt({ jwt }: WorkloadState, { audience, svid }: { audience: string; svid: string }): Promise<object | Refusal> {
  for (const domain of jwt?.accepted ?? []) {
    const keys = createLocalJWKSet(JSON.parse(jwksOf(domain).toString()) as JSONWebKeySet)
    const verified = await jwtVerify(svid, keys, { audience }).catch(() => undefined)
    if (verified?.payload.sub?.startsWith(`${domain.id}/`)) return { spiffe_id: verified.payload.sub, claims: structOf(verified.payload) }
  }
  return refuse('token is not valid')
}

const structOf = (claims: object): object => ({
  fields: Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, wrapValue(value)])),
})
const wrapValue = (value: unknown): object =>
  typeof value === 'number'
    ? { numberValue: value }
    : Array.isArray(value)
      ? { listValue: { values: value.map(wrapValue) } }
      : { stringValue: String(value) }

/** Starts on a socket in a new directory unless `path` is given. Calls without the security header are refused as the specification says. */
export async function startWorkloadApi(
  first: WorkloadState,
  options: { path?: string; mode?: WorkloadApiMode } = {},
): Promise<WorkloadApi> {
  const directory = options.path === undefined ? mkdtempSync(join(tmpdir(), 'workload-api-')) : undefined
  const path = options.path ?? join(directory!, 'api.sock')
  const open = new Set<Call>()
  let [state, mode, calls] = [first, options.mode ?? ('serve' as WorkloadApiMode), 0]
  let server: Server | undefined

  const answer = ({ stream, kind }: Call) => {
    if (mode in refusals) return void stream.emit('error', refusals[mode as keyof typeof refusals])
    if (mode === 'no bundle calls' && kind === 'bundles')
      return void stream.emit('error', { code: status.UNIMPLEMENTED, details: 'unknown method' })
    if (mode === 'silent') return
    stream.write(mode === 'garbage' ? garbage : messageOf(kind, state))
    if (mode === 'ends') stream.end()
  }
  const take = (kind: Call['kind']) => (stream: Stream) => {
    calls += 1
    if (stream.metadata.get('workload.spiffe.io')[0] !== 'true') return void stream.emit('error', refusals['invalid argument'])
    const call = { stream, kind }
    open.add(call)
    const gone = () => open.delete(call)
    stream.once('cancelled', gone).once('close', gone).once('error', gone).once('finish', gone)
    answer(call)
  }
  /** A call with one answer, in the mode of the moment; `silent` never answers. */
  const answerOnce =
    <Request>(make: (request: Request) => object | Promise<object>) =>
    async (call: ServerUnaryCall<Request, object>, reply: sendUnaryData<object>) => {
      calls += 1
      if (call.metadata.get('workload.spiffe.io')[0] !== 'true') return reply(refusals['invalid argument'])
      if (mode === 'silent') return
      if (mode in refusals) return reply(refusals[mode as keyof typeof refusals])
      const made = await make(call.request)
      if ('code' in made) reply(made as Refusal)
      else reply(null, mode === 'garbage' ? garbage : made)
    }
  const appear = async () => {
    server = new Server()
    server.addService(withGarbage(service.service), {
      FetchX509SVID: take('svids'),
      FetchX509Bundles: take('bundles'),
      FetchJWTSVID: answerOnce<JwtCall>(request => issueJwts(state, request)),
      FetchJWTBundles: take('jwt bundles'),
      ValidateJWTSVID: answerOnce<{ audience: string; svid: string }>(request => validateJwt(state, request)),
    })
    const bound = Promise.withResolvers<void>()
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), error => (error ? bound.reject(error) : bound.resolve()))
    await bound.promise
    chmodSync(path, 0o777)
  }
  const disappear = async () => {
    server?.forceShutdown()
    server = undefined
    open.clear()
    rmSync(path, { force: true })
  }
  await appear()
  return {
    address: `unix://${path}`,
    path,
    rotate(next) {
      state = next
      for (const call of open) answer(call)
    },
    setMode(next) {
      mode = next
      if (mode !== 'serve') for (const call of [...open]) answer(call)
    },
    disappear,
    appear,
    streams: () => open.size,
    calls: () => calls,
    async close() {
      await disappear()
      if (directory) rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Written in place of a message: a length that runs past the end. */
const garbage = { garbage: Buffer.from('0aff01ff', 'hex') }

/** The loader's service, whose answers may also be `garbage`. */
const withGarbage = (definition: ServiceClientConstructor['service']): ServiceClientConstructor['service'] =>
  Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const serialize = (value: unknown) => (value === garbage ? garbage.garbage : method.responseSerialize(value))
      return [name, { ...method, responseSerialize: serialize }]
    }),
  )
