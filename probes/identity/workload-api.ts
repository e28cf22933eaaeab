import { pause, timedOut } from '../finding.ts'
import { buildIdentity, type Identity, type IdentityProblem, problem, type ReadIdentity } from './identity.ts'
import { parseWorkloadApiAddress, type WorkloadApiAddress } from './workload-api-address.ts'
import { explainEnd, statusCodes } from './workload-api-errors.ts'
import { parseX509BundlesResponse, parseX509SvidResponse } from './workload-api-messages.ts'
import { mergeParts, type Part, parseBundlesPart, parseSvidPart } from './workload-api-state.ts'
import { streamOnce } from './workload-api-stream.ts'

/**
 * Waiting time before attempt n after a failure: uniform between 0 and 100 ms × 2ⁿ, at most 4 s, so that an agent that comes back is found
 * within 5 s (full jitter: aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter; SPIFFE_Workload_Endpoint.md §6 wants a backoff).
 */
export const backoffMs = (failures: number, random = Math.random): number => random() * Math.min(4000, 100 * 2 ** failures)

/** A stream that held this long was healthy: the next failure is the first again. */
const healthyMs = 5000
/** A server that accepts and sends no first message for so long is tried again. */
const firstMessageMs = 10_000
/** How much longer than for the SVIDs a single fetch waits for the bundles, which most answers already hold. */
const bundlesGraceMs = 250

type Method = 'FetchX509SVID' | 'FetchX509Bundles'
/** What one stream stands at. A withdrawn identity has no part; one whose server is merely away keeps the last. */
type StreamState = { part?: Part; trouble?: IdentityProblem; heard: boolean; order: number }
type Watching = { address: WorkloadApiAddress; place: string; onChange: () => void; signal: AbortSignal }

const parsePart = (method: Method, place: string, bytes: Uint8Array): Part =>
  method === 'FetchX509SVID' ? parseSvidPart(place, parseX509SvidResponse(bytes)) : parseBundlesPart(place, parseX509BundlesResponse(bytes))

let orders = 0

/** Keeps one stream open until the signal aborts, or the server says that trying again is no use. */
const follow = async (method: Method, state: StreamState, { address, place, onChange, signal }: Watching): Promise<void> => {
  const tell = (change: Partial<StreamState>): void => {
    Object.assign(state, change, { heard: true, order: ++orders })
    if (!signal.aborted) onChange()
  }
  for (let failures = 0; !signal.aborted; failures++) {
    const since = performance.now()
    const quiet = new AbortController()
    const timer = setTimeout(() => quiet.abort(), firstMessageMs)
    const end = await streamOnce(
      address,
      method,
      bytes => {
        clearTimeout(timer)
        tell(readMessage(method, place, bytes))
      },
      AbortSignal.any([signal, quiet.signal]),
    ).finally(() => clearTimeout(timer))
    if (signal.aborted) return
    const trouble = quiet.signal.aborted
      ? problem('unavailable', `${place}: it accepts connections and sent no answer for ${firstMessageMs / 1000} s`)
      : await explainEnd(address, place, end)
    if (performance.now() - since > healthyMs) failures = 0
    // Servers before the bundle call exist: the SVIDs' own answer holds their bundles.
    if (method === 'FetchX509Bundles' && end.code === statusCodes.unimplemented) return tell({ trouble: undefined })
    const withdrawn = end.code === statusCodes.permissionDenied || end.code === statusCodes.invalidArgument
    tell({ trouble, ...(withdrawn ? { part: undefined } : {}) })
    if (end.code === statusCodes.invalidArgument) return
    await pause(backoffMs(failures), signal)
  }
}

const readMessage = (method: Method, place: string, bytes: Uint8Array): Partial<StreamState> => {
  try {
    return { part: parsePart(method, place, bytes), trouble: undefined }
  } catch {
    return { trouble: problem('svid_parse', `${place}: the answer to ${method} is no valid message (${bytes.length} bytes)`) }
  }
}

const mergeStates = (place: string, states: readonly StreamState[], notes: readonly IdentityProblem[]): Identity => {
  const ordered = states.toSorted((a, b) => a.order - b.order)
  const parts = ordered.flatMap(state => (state.part ? [state.part] : []))
  return mergeParts(place, parts, [...states.flatMap(state => (state.trouble ? [state.trouble] : [])), ...notes])
}

type Report = (identity: Identity, heard: { svids: boolean; bundles: boolean }) => void

const watch = async (socket: string, report: Report, signal: AbortSignal): Promise<void> => {
  const { address, problems } = parseWorkloadApiAddress(socket)
  const place = `Workload API at ${socket.slice(0, 200)}`
  if (!address) return report(buildIdentity(place, { problems }), { svids: true, bundles: true })
  const svids: StreamState = { heard: false, order: 0 }
  const bundles: StreamState = { heard: false, order: 0 }
  const onChange = (): void => report(mergeStates(place, [svids, bundles], problems), { svids: svids.heard, bundles: bundles.heard })
  const watching = { address, place, onChange, signal }
  await Promise.all([follow('FetchX509SVID', svids, watching), follow('FetchX509Bundles', bundles, watching)])
}

/**
 * Tells `onState` every change of SVIDs and bundles at `socket` (a SPIFFE_ENDPOINT_SOCKET), trouble included, until the signal aborts or nothing
 * more can be expected (a bad address, a refused header); resolves when all is closed. While the server is away the last state stands, with
 * a problem beside it; when it withdraws the identity (PermissionDenied) the SVIDs are gone at once.
 */
export const watchX509 = (socket: string, onState: (identity: Identity) => void, signal: AbortSignal): Promise<void> =>
  watch(socket, (identity, heard) => heard.svids && onState(identity), signal)

const sayLate = (place: string, ms: number): string =>
  `${place}: no answer in time, ${Math.round(ms)} ms: whatever listens there stays silent, or this machine is too busy to hear it`

/** The present SVIDs and bundles, by one attempt. Never rejects: a signal that ends first, and every other trouble, is among the problems. */
export const fetchX509Once = async (socket: string, signal: AbortSignal): Promise<Identity> => {
  const enough = new AbortController()
  let grace: NodeJS.Timeout | undefined
  let last: Identity | undefined
  const report: Report = (identity, heard) => {
    last = identity
    if (heard.svids && heard.bundles) enough.abort()
    else if (heard.svids) grace ??= setTimeout(() => enough.abort(), bundlesGraceMs)
  }
  const since = performance.now()
  await watch(socket, report, AbortSignal.any([signal, enough.signal]))
  clearTimeout(grace)
  if (last && !signal.aborted) return last
  if (last && last.svids.length > 0) return last
  const place = `Workload API at ${socket.slice(0, 200)}`
  const late = timedOut(signal)
    ? problem('unavailable', sayLate(place, performance.now() - since))
    : problem('stopped', 'stopped before the Workload API answered')
  return buildIdentity(place, { ...last, problems: [...(last?.problems ?? []), late] })
}

/** A watcher whose latest state can be read at any time; the first read waits for the first answer. `ended` resolves when the signal has stopped it. */
export const holdX509 = (socket: string, signal: AbortSignal): { read: ReadIdentity; ended: Promise<void> } => {
  let latest: Identity | undefined
  const place = `Workload API at ${socket.slice(0, 200)}`
  const heard = new AbortController()
  const ended = watchX509(
    socket,
    identity => {
      latest = identity
      heard.abort()
    },
    signal,
  ).finally(() => heard.abort())
  const read: ReadIdentity = async waiting => {
    const since = performance.now()
    if (!latest) await pause(2 ** 31 - 1, AbortSignal.any([waiting, heard.signal]))
    return latest ?? buildIdentity(place, { problems: [problem('unavailable', sayLate(place, performance.now() - since))] })
  }
  return { read, ended }
}
