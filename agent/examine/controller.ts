/** Whether the controller can be reached, is the one that is meant, has the same time, and knows this agent. */
import { readToken } from '../../judge/spiffe/token.ts'
import type { AgentConfig, ControllerConfig } from '../config/config.ts'
import { type Credential, readKeptCredential, sayAnswer } from '../controller/credential.ts'
import { bearer } from '../controller/enrolment.ts'
import { type Keep, openKeep } from '../controller/kept.ts'
import { openLine } from '../controller/line.ts'
import { fetchPinnedCa } from '../controller/pinned-ca.ts'
import { type Proof, readProof } from '../controller/proof.ts'
import { remedyOf } from '../controller/remedy.ts'
import type { Finding } from '../self-test.ts'
import { defaultTimeoutMs } from '../send/endpoint.ts'
import { type Answer, get, mostAnswerBytes } from '../send/post.ts'
import type { Surroundings } from './examine.ts'

/** Beyond it windows are put into the wrong places, and certificates are judged wrongly. */
const clockLimitMs = 1000
/** A date has whole seconds (RFC 9110 §5.6.7). */
const dateGrainMs = 1000

export const examineController = async (
  { data }: AgentConfig,
  controller: ControllerConfig,
  { environment, nowMs }: Surroundings,
  signal: AbortSignal,
): Promise<Finding[]> => {
  const keep = openKeep(data, controller.url)
  const proof = readProof(controller)
  const credential = readKeptCredential(keep)
  const unproved = (): Finding => sayProof(proof.ok ? proof.value : undefined, proof.ok ? [] : proof.problems, nowMs())
  const pinned = await examinePin(controller, keep, proof.ok ? proof.value : undefined, environment, signal)
  if (pinned) return [pinned, unproved()]
  const line = openLine({ config: controller, keep, environment })
  try {
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<Answer> => {
      const agent = await line.agent()
      return await get({ url: `${line.url}${path}`, headers, agent, timeoutMs: defaultTimeoutMs, mostBytes: mostAnswerBytes }, signal)
    }
    const askedMs = nowMs()
    const ready = await ask('/readyz')
    const answeredMs = nowMs()
    const reached = sayReached(controller.url, ready)
    if (ready.kind === 'failed') return [reached]
    const known = credential ? await examineCredential(credential, ask, nowMs()) : unproved()
    return [reached, ...sayClock(ready.date, askedMs, answeredMs), known]
  } catch (error) {
    return [{ what: 'controller', state: 'missing', detail: error instanceof Error ? error.message : String(error) }]
  } finally {
    line.close()
  }
}

/** Before the first enrolment the join token alone says which authority is meant. Undefined: there is nothing to compare, or nothing left to find out. */
const examinePin = async (
  { url, caFile }: ControllerConfig,
  keep: Keep,
  proof: Proof | undefined,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Finding | undefined> => {
  if (proof?.kind !== 'join' || proof.caPin === undefined || caFile !== undefined || url.startsWith('http:')) return undefined
  if (keep.read('ca.pem') !== undefined) return undefined
  const found = await fetchPinnedCa({ url, pin: proof.caPin, environment, timeoutMs: defaultTimeoutMs }, signal)
  return found.ok
    ? { what: 'controller', state: 'ok', detail: `${url} is there, and its authority is the one that the join token names` }
    : {
        what: 'controller',
        state: 'missing',
        detail: `${url}: ${found.problems.join('; ')}`,
        remedy: 'the join token of this controller, made now',
      }
}

const sayReached = (url: string, answer: Answer): Finding => {
  const what = 'controller'
  if (answer.kind === 'failed') {
    const remedy = /certificate|self.signed|altname/i.test(answer.detail)
      ? '--controller-ca <file> with its authority; a name that is in its certificate'
      : 'its address, its port, and what is between: egress rules, NetworkPolicy, proxy'
    return { what, state: 'missing', detail: `${url}: ${answer.detail}`, remedy }
  }
  if (answer.status === 200) return { what, state: 'ok', detail: `${url} is there and ready` }
  return { what, state: 'limited', detail: `${url} ${sayAnswer(answer)}`, remedy: 'its own log and /readyz say why' }
}

const sayClock = (date: string | undefined, askedMs: number, answeredMs: number): Finding[] => {
  const theirs = date === undefined ? Number.NaN : Date.parse(date)
  if (Number.isNaN(theirs)) return []
  // Theirs was taken somewhere between the two, and cut to the second.
  const offMs = answeredMs < theirs ? theirs - answeredMs : Math.max(0, askedMs - theirs - dateGrainMs)
  const what = 'clock beside the controller'
  if (offMs <= clockLimitMs) return [{ what, state: 'ok', detail: 'the same to the second' }]
  const way = answeredMs < theirs ? 'behind' : 'ahead'
  return [
    {
      what,
      state: 'missing',
      detail: `this machine is ${Math.round(offMs / 1000)} s ${way}`,
      remedy: 'a time server on both: chrony or systemd-timesyncd',
    },
  ]
}

type Ask = (path: string, headers?: Record<string, string>) => Promise<Answer>

const examineCredential = async ({ agentId, token, untilMs }: Credential, ask: Ask, nowMs: number): Promise<Finding> => {
  const what = 'credential'
  // Whatever is assigned is not sent: this is no agent that starts.
  const answer = await ask('/v1/assignments?poll', { ...bearer(token), 'if-none-match': '*' })
  if (answer.kind === 'failed') return { what, state: 'limited', detail: `of ${agentId}: ${answer.detail}` }
  if (answer.status < 400) {
    const left = Math.floor((untilMs - nowMs) / 60_000)
    return { what, state: 'ok', detail: `the controller knows ${agentId}; ${left > 0 ? `good for ${left} minutes more` : 'to be renewed'}` }
  }
  const detail = `of ${agentId}: ${sayAnswer(answer)}`
  return { what, state: 'missing', detail, remedy: remedyOf(sayAnswer(answer)) ?? 'another proof: the agent enrols anew when it has one' }
}

const sayProof = (proof: Proof | undefined, problems: readonly string[], nowMs: number): Finding => {
  const what = 'proof of identity'
  if (!proof) {
    const remedy = '--join-token-file, CAUSEWAY_JOIN_TOKEN, a projected token at controller.token, or controller.spiffe'
    return { what, state: 'missing', detail: problems.join('; ') || 'none, and no credential from before', remedy }
  }
  if (proof.kind === 'join') return { what, state: 'ok', detail: 'a join token; not tried here, since it is good once' }
  if (proof.kind === 'spiffe') return { what, state: 'ok', detail: 'the SVID of this agent' }
  const read = readToken(proof.token.reveal())
  if (!read.ok) return { what, state: 'missing', detail: `the projected token ${read.problem}` }
  const { iss, sub, aud, exp } = read.token.claims
  const detail = `a projected token of ${String(iss)} for ${String(sub)}, audience ${[aud].flat().join(', ')}`
  const hasEnded = typeof exp === 'number' && exp * 1000 < nowMs
  return hasEnded
    ? {
        what,
        state: 'missing',
        detail: `${detail}, which has expired`,
        remedy: 'the kubelet renews it: look at the volume, and at the clock',
      }
    : { what, state: 'ok', detail }
}
