/** Listens to the controller for ever: by a stream, or by polling where no stream comes through. */
import { silenceMs as usualSilenceMs } from '../../wire/api/assignments.ts'
import type { Log } from '../log.ts'
import { type Answer, get } from '../send/post.ts'
import { sleep } from '../send/sleep.ts'
import { type Credential, sayAnswer } from './credential.ts'
import { bearer } from './enrolment.ts'
import { createEventReader, mostEventBytes, type ServerEvent } from './event-reader.ts'
import type { Line } from './line.ts'
import type { Membership } from './membership.ts'
import { readDrainMessage } from './messages.ts'
import { judgeTry, newCourse, type TryEnd } from './next-try.ts'
import { followStream, type StreamEnd } from './stream.ts'

export type Following = {
  line: Line
  membership: Membership
  /** Of what runs now: the controller says only what is new. */
  revision: () => string | undefined
  onAssignment: (data: string) => void
  onRun: (data: string) => void
  log: Log
  random: () => number
  nowMs: () => number
  silenceMs?: number
}

type Handle = (event: ServerEvent) => void

/** Resolves when `signal` ends it. */
export const follow = async (following: Following, signal: AbortSignal): Promise<void> => {
  const { line, membership, random, nowMs, log } = following
  let course = newCourse
  const say = sayOnce(log, line.url)
  while (!signal.aborted) {
    const credential = await membership.held(signal)
    if (!credential) return
    const end = course.way === 'stream' ? await listen(following, credential, say, signal) : await poll(following, credential, signal)
    if (signal.aborted) return
    if (end.kind === 'refused' && end.status === 401) membership.doubt(credential)
    const next = judgeTry(course, end, random(), nowMs())
    if (next.course.way === 'poll' && course.way === 'stream')
      log.warn(
        { controller: line.url },
        'no stream comes through from the controller, a proxy holds it back perhaps: asks every half a minute',
      )
    course = next.course
    say(end)
    await sleep(next.waitMs, signal)
  }
}

/** Each change of what is the matter, once. */
const sayOnce = (log: Log, controller: string): ((end: TryEnd | 'here') => void) => {
  let said: string | undefined
  return end => {
    const isHere = end === 'here' || end.kind === 'polled'
    const now = isHere ? 'here' : end.kind === 'drain' ? 'drain' : end.kind === 'refused' ? `refused ${end.status}` : end.kind
    if (now === said || (said === 'drain' && isHere)) return void (said = now)
    said = now
    if (isHere) log.info({ controller }, 'listens to the controller')
    else if (end.kind === 'drain') log.info({ controller }, 'the controller ends, comes back to it or another')
    else log.warn({ controller, problem: end.detail }, 'the controller is away; what it has assigned goes on')
  }
}

const headersOf = ({ token }: Credential, revision: string | undefined): Record<string, string> => ({
  ...bearer(token),
  ...(revision === undefined ? {} : { 'last-event-id': revision }),
})

/** A drain ends the stream from our side. */
const handleBy =
  ({ onAssignment, onRun }: Following, onDrain: (afterMs: number) => void): Handle =>
  ({ event, data }) => {
    if (event === 'assignment') onAssignment(data)
    else if (event === 'run') onRun(data)
    else if (event === 'drain') {
      const read = readDrainMessage(data)
      onDrain(read.ok ? read.value.afterMs : 0)
    }
  }

const listen = async (following: Following, credential: Credential, say: (what: 'here') => void, signal: AbortSignal): Promise<TryEnd> => {
  const { line, revision, silenceMs = usualSilenceMs } = following
  const draining = new AbortController()
  let drain: TryEnd | undefined
  const handle = handleBy(following, afterMs => {
    drain = { kind: 'drain', afterMs }
    draining.abort()
  })
  const agent = await agentOf(line)
  if ('kind' in agent) return agent
  const request = { url: `${line.url}/v1/assignments`, headers: headersOf(credential, revision()), agent: agent.agent, silenceMs }
  const end = await followStream(request, { onEvent: handle, onFirst: () => say('here') }, AbortSignal.any([signal, draining.signal]))
  return drain ?? end
}

/** Whether what is needed to connect is there. */
const agentOf = async (line: Line): Promise<{ agent: Awaited<ReturnType<Line['agent']>> } | StreamEnd> => {
  try {
    return { agent: await line.agent() }
  } catch (error) {
    return { kind: 'unreachable', detail: (error as Error).message }
  }
}

const poll = async (following: Following, credential: Credential, signal: AbortSignal): Promise<TryEnd> => {
  const { line, revision, silenceMs = usualSilenceMs } = following
  const agent = await agentOf(line)
  if ('kind' in agent) return agent
  const running = revision()
  const headers = {
    ...headersOf(credential, running),
    ...(running === undefined ? {} : { 'if-none-match': `"${running}"` }),
    accept: 'application/json, text/event-stream',
  }
  const url = `${line.url}/v1/assignments?poll`
  const answer = await get({ url, headers, agent: agent.agent, timeoutMs: silenceMs, mostBytes: mostEventBytes }, signal)
  let drain: TryEnd | undefined
  const read = readPolled(answer)
  if (!Array.isArray(read)) return read
  const handle = handleBy(following, afterMs => {
    drain = { kind: 'drain', afterMs }
  })
  for (const event of read) handle(event)
  return drain ?? { kind: 'polled' }
}

/** An assignment, or events; without content nothing is new. */
const readPolled = (answer: Answer): ServerEvent[] | StreamEnd => {
  if (answer.kind === 'failed') return { kind: 'unreachable', detail: answer.detail }
  const { status, body, cut, contentType = '', retryAfter } = answer
  if (status === 204 || status === 304) return []
  if (status !== 200) return { kind: 'refused', status, detail: sayAnswer(answer), ...(retryAfter === undefined ? {} : { retryAfter }) }
  if (cut) return { kind: 'unreachable', detail: `an answer of more than ${mostEventBytes} bytes` }
  if (/^text\/event-stream\b/i.test(contentType)) return createEventReader()(Buffer.concat([body, Buffer.from('\n\n')]))
  return [{ event: 'assignment', data: body.toString() }]
}
