/** A record as a request to an endpoint, and what became of it. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Secret } from '../../wire/secret.ts'
import type { SpooledRecord } from '../spool/record.ts'
import { openConnections } from './credentials.ts'
import { forSignal, type Signal } from './endpoint.ts'
import { judgeAnswer, type Verdict } from './judge-answer.ts'
import { type Answer, post } from './post.ts'
import type { SenderOptions } from './sender.ts'

/** Makes the body of a request of what was spooled. May throw: such a record is dropped as `corrupt`. */
export type Encode = (payload: Uint8Array, record: SpooledRecord) => Promise<{ signal: Signal; body: Uint8Array; points: number }>
export type Body = { signal: Signal; url: string; headers: Record<string, string>; bytes: Uint8Array; points: number }

/** `sooner`: resolves when there is reason to try again before the pause is over. */
export type Attempted = Verdict & { sooner?: (over: AbortSignal) => Promise<void> }

export type Requests = {
  /** Rejects for a record that can't be encoded. */
  build(record: SpooledRecord): Promise<Body>
  /** Sends it once; `noWait` ends the waiting for a credential. Never rejects. */
  attempt(body: Body, stop: AbortSignal, noWait: AbortSignal): Promise<Attempted>
  close(): void
}

const gzipAsync = promisify(gzip)

type Options = Pick<SenderOptions, 'endpoint' | 'encode' | 'agentId' | 'environment' | 'readSvid' | 'unixNowMs'>

export const openRequests = ({ endpoint, encode, agentId, environment, readSvid, unixNowMs }: Options): Requests => {
  const open = (signal: Signal) => {
    const own = forSignal(endpoint, signal)
    return { endpoint: own, connections: openConnections(own, environment, readSvid) }
  }
  const bySignal = { metrics: open('metrics'), logs: open('logs'), traces: open('traces') }
  return {
    async build(record) {
      const { signal, body, points } = await encode(record.payload, record)
      const { compression, protocol, url } = bySignal[signal].endpoint
      const packed = compression === 'gzip'
      const headers = {
        'content-type': protocol === 'json' ? 'application/json' : 'application/x-protobuf',
        ...(packed ? { 'content-encoding': 'gzip' } : {}),
        'causeway-agent': agentId(),
        'causeway-boot': record.boot,
        'causeway-sequence': String(record.sequence),
      }
      return { signal, url, headers, bytes: packed ? await gzipAsync(body) : body, points }
    },
    async attempt({ signal, url, headers, bytes }, stop, noWait) {
      const { endpoint: own, connections } = bySignal[signal]
      let answer: Answer
      let token: Secret | undefined
      try {
        const agent = await connections.agent()
        const secrets = Object.fromEntries(Object.entries(own.headers).map(([name, value]) => [name.toLowerCase(), value.reveal()]))
        token = await endpoint.bearer?.(noWait)
        if (endpoint.bearer && !token) return { kind: 'retry', detail: 'no credential', slow: false }
        const bearer = token && { authorization: `Bearer ${token.reveal()}` }
        answer = await post({ url, headers: { ...secrets, ...bearer, ...headers }, body: bytes, agent, timeoutMs: own.timeoutMs }, stop)
      } catch (error) {
        answer = { kind: 'failed', detail: (error as Error).message }
      }
      const verdict = judgeAnswer(answer, unixNowMs())
      const isUnknown = answer.kind === 'answered' && answer.status === 401
      const { renewed } = endpoint
      return isUnknown && token && renewed ? { ...verdict, sooner: over => renewed(token!, over) } : verdict
    },
    close() {
      for (const { connections } of Object.values(bySignal)) connections.close()
    },
  }
}
