import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Answer } from '../../judge/federation/answers.ts'
import type { Options } from '../../wire/options.ts'
import { withDefaults } from '../../wire/options.ts'
import type { Family, Kind, Outcome } from '../../wire/result.ts'
import type { Allow } from '../allow.ts'
import { aborted, fail, timedOut, unmeasured } from '../finding.ts'
import { type Hop, hostField, withConnection } from '../http-connect.ts'
import { type Conversation, converse, type Exchange } from '../http-exchange.ts'
import { judgeEnd } from '../http-judge.ts'
import type { TcpInfo } from '../net/tcp-info.ts'

/** One request to a token service, a metadata service or an issuer. */
export type Question = {
  url: URL
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT'
  headers?: Record<string, string>
  body?: string
  maxBodyBytes?: number
  /** What else the answer makes us ask: over the same connection where it is of the same origin and the service keeps that open. */
  onward?: (answer: Answered) => Question | undefined
}
/** `truncated`: there was more than `maxBodyBytes`. */
export type Answered = Answer & { address: string; truncated: boolean; ms: number }
/** An answer of whatever status, or why there is none; `onward` is what came of the question that it led to. */
export type Reply = { answer: Answered; onward?: Reply } | { outcome: Outcome }
/** Never rejects. */
export type Ask = (question: Question, signal: AbortSignal) => Promise<Reply>

export type Around = {
  kind: Kind
  timeoutMs: number
  source?: string
  /** PEM of the authorities to trust, instead of the public ones. */
  ca?: string
  allow: Allow
}

/** Answers of token services have a few kB. */
const mostBytes = 64 * 1024

/**
 * Asks once, on a fresh connection to the first address that the name has: nothing is followed, tried again or kept, but for the one question that an answer leads
 * to. The address is judged by the policy before it is dialled, and a server whose certificate does not verify is told nothing.
 */
export const createAsk = (around: Around): Ask => {
  const options: Options['http'] = withDefaults('http', { timeoutMs: around.timeoutMs, source: around.source, ca: around.ca })
  const ask: Ask = async (question, signal) => {
    const start = performance.now()
    const { url } = question
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const address = await addressOf(host, signal)
    if (typeof address !== 'string') return { outcome: address }
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    const refusal = around.allow({ kind: around.kind, address, port, ...(around.source !== undefined && { source: around.source }) })
    if (refusal !== undefined) return { outcome: unmeasured('target_denied', `${url.host}: ${refusal}`) }
    const hop: Hop = { url, method: 'GET', host, address, family: isIP(address.split('%')[0]!) as Family, port, isFirst: true }
    let reply: Reply | undefined
    let next: Question | undefined
    const opening = await withConnection(hop, options, signal, async ({ socket, readInfo }) => {
      const talk: Talk = { ...converse(socket), hop, readInfo, signal, timeoutMs: around.timeoutMs }
      try {
        reply = (await tell(talk, question, start)).reply
        next = 'answer' in reply ? question.onward?.(reply.answer) : undefined
        if (!next || next.url.origin !== url.origin) return
        const again = await tell(talk, next, performance.now())
        // A service may end a connection whenever it likes; what it has not begun to answer may be asked again (RFC 9110 §9.2.2).
        if ('answer' in again.reply || !again.unheard) [reply, next] = [{ ...reply, onward: again.reply }, undefined]
      } finally {
        await talk.close()
      }
    })
    if (opening.outcome || !reply) return { outcome: about(url, opening.outcome ?? aborted) }
    return next ? { ...reply, onward: await ask(next, signal) } : reply
  }
  return ask
}

type Talk = Conversation & { hop: Hop; readInfo: () => TcpInfo | undefined; signal: AbortSignal; timeoutMs: number }

/** One request of a conversation. `unheard`: nothing came back, and not for want of time. */
const tell = async (
  { send, hop, readInfo, signal, timeoutMs }: Talk,
  question: Question,
  start: number,
): Promise<{ reply: Reply; unheard: boolean }> => {
  const seen: Exchange = await send(requestOf(question, hop), readInfo, signal)
  const broken = judgeEnd(seen, noFacts, false, timeoutMs, signal)
  if (broken) return { reply: { outcome: about(question.url, broken) }, unheard: seen.status === null && typeof seen.end === 'object' }
  const { status, headers, body, end } = seen
  const ms = performance.now() - start
  const answer = { status: status!, headers, body: body.toString('utf8'), address: hop.address, truncated: end === 'bounded', ms }
  return { reply: { answer }, unheard: false }
}

/** Whose fault a wait is, is not asked here. */
const noFacts = { requestAcked: null, retransmits: null, rttMs: null } as Parameters<typeof judgeEnd>[1]

const requestOf = ({ url, method = 'GET', headers = {}, body, maxBodyBytes = mostBytes }: Question, hop: Hop) => ({
  method,
  path: `${url.pathname}${url.search}`,
  headers: { 'user-agent': 'causeway', accept: '*/*', 'accept-encoding': 'identity', ...headers, host: hostField(hop) },
  maxBodyBytes,
  ...(body !== undefined && { body }),
})

/** Whom it was about. */
const about = (url: URL, outcome: Outcome): Outcome =>
  outcome.kind === 'ok' ? outcome : { ...outcome, detail: `${url.host}: ${outcome.detail}` }

const addressOf = async (host: string, signal: AbortSignal): Promise<string | Outcome> => {
  if (isIP(host.split('%')[0]!) !== 0) return host
  const stopped = new Promise<undefined>(done => signal.addEventListener('abort', () => done(undefined), { once: true }))
  try {
    // getaddrinfo can't be stopped; what it still finds is not used.
    const found = signal.aborted ? undefined : await Promise.race([lookup(host), stopped])
    if (found) return found.address
    return timedOut(signal) ? fail('dns_timeout', `${host}: no answer in time`) : aborted
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return fail(code === 'ENOTFOUND' || code === 'ENODATA' ? 'dns_not_found' : 'dns_server_failure', `${host}: ${code}`)
  }
}
