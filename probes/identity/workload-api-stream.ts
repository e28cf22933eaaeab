import type { Client } from '@grpc/grpc-js'
import type { WorkloadApiAddress } from './workload-api-address.ts'

/** How a call ended: a gRPC status (grpc.github.io/grpc/core/md_doc_statuscodes.html). `stopped`: by the signal. */
export type StreamEnd = { code: number; details: string; stopped: boolean }

/** A larger message is refused (ResourceExhausted). SPIRE's own agents send some kB per trust domain. */
export const mostMessageBytes = 16 * 1024 * 1024

const passThrough = (bytes: Buffer): Buffer => bytes

export type Method = 'FetchX509SVID' | 'FetchX509Bundles' | 'FetchJWTSVID' | 'FetchJWTBundles' | 'ValidateJWTSVID'

/**
 * One server-streaming call, or one with a single answer, which is the same on the wire, on a connection of its own, with no retry. `onMessage` gets each message's bytes. The connection is gone when this
 * resolves; it never rejects unless `onMessage` throws a bug. gRPC is loaded here and not before.
 */
export const streamOnce = async (
  address: WorkloadApiAddress,
  method: Method,
  onMessage: (bytes: Buffer) => void,
  signal: AbortSignal,
  request: Uint8Array = new Uint8Array(0),
): Promise<StreamEnd> => {
  const { Client, credentials, Metadata } = await import('@grpc/grpc-js')
  const client = new Client(address.grpcTarget, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': mostMessageBytes,
    // Nothing but the given address is dialled: no HTTPS_PROXY, no TXT look-ups, no retries of gRPC's own.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    ...(address.path === undefined ? {} : { 'grpc.default_authority': 'localhost' }),
  })
  // SPIFFE_Workload_Endpoint.md §6: every call carries it, so that a confused deputy's HTTP request is refused.
  const metadata = new Metadata()
  metadata.set('workload.spiffe.io', 'true')
  try {
    return await runCall(client, `/SpiffeWorkloadAPI/${method}`, metadata, Buffer.from(request), onMessage, signal)
  } finally {
    client.close()
  }
}

const runCall = (
  client: Client,
  path: string,
  metadata: InstanceType<typeof import('@grpc/grpc-js').Metadata>,
  request: Buffer,
  onMessage: (bytes: Buffer) => void,
  signal: AbortSignal,
): Promise<StreamEnd> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return resolve({ code: 1, details: '', stopped: true })
    const call = client.makeServerStreamRequest(path, passThrough, passThrough, request, metadata)
    const stop = (): void => call.cancel()
    signal.addEventListener('abort', stop, { once: true })
    call.on('data', (bytes: Buffer) => {
      if (signal.aborted) return
      try {
        onMessage(bytes)
      } catch (error) {
        reject(error)
        call.cancel()
      }
    })
    call.on('error', () => {})
    call.on('status', ({ code, details }) => {
      signal.removeEventListener('abort', stop)
      resolve({ code, details, stopped: signal.aborted })
    })
  })
