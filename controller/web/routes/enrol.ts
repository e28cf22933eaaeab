/** `POST /v1/enrol`: from a proof of identity to a credential; `POST /v1/enrol/renew`: a fresh one. */
import { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  type CredentialAnswer,
  credentialAnswerSchema,
  type EnrolRequest,
  enrolRequestSchema,
  type RenewRequest,
  renewRequestSchema,
} from '../../../wire/api/enrol.ts'
import { Secret } from '../../../wire/secret.ts'
import { renewCredential } from '../../enrol/caller.ts'
import { type Credential, renewGraceMs } from '../../enrol/credential.ts'
import { type EnrolRequest as Enrolment, enrol } from '../../enrol/enrol.ts'
import { peerChainOf } from '../../enrol/peer-chain.ts'
import type { Refusal, RefusalReason } from '../../enrol/refusal.ts'
import type { Location } from '../../fleet/select.ts'
import { describeAgent, getAgent } from '../../store/agents.ts'
import type { Parts } from '../parts.ts'
import { found, HttpProblem } from '../problem.ts'

/** From one address: nodes behind one NAT come together after an outage, and most of them have a credential still. */
const perMinute = 300

export const enrolRoutes = (app: FastifyInstance, parts: Parts): void => {
  const { store, signer, random, nowMs, counters, keys, fleet, bundles, review } = parts
  app.post<{ Body: EnrolRequest }>(
    '/v1/enrol',
    {
      config: { access: 'open', rateLimit: { max: perMinute, timeWindow: 60_000 } },
      schema: {
        summary: 'a proof of identity for a credential',
        tags: ['agents'],
        body: enrolRequestSchema,
        response: { 200: credentialAnswerSchema },
      },
    },
    async request => {
      const { merged } = fleet.now()
      const means = { store, signer, fleet: merged, keys, bundles: bundles(), ...(review && { review }), random, nowMs: nowMs() }
      const enrolled = await enrol(means, enrolmentOf(request))
      counters.enrolments.inc({ proof: request.body.proof.kind, outcome: enrolled.ok ? 'ok' : enrolled.reason })
      if (!enrolled.ok) throw refusedAs(enrolled)
      return answerOf(enrolled.credential, enrolled.agent.location)
    },
  )
  app.post<{ Body: RenewRequest }>(
    '/v1/enrol/renew',
    {
      config: { access: 'agent', graceMs: renewGraceMs },
      schema: { summary: 'a fresh credential', tags: ['agents'], body: renewRequestSchema, response: { 200: credentialAnswerSchema } },
    },
    async request => {
      const caller = request.caller!
      const credential = await renewCredential({ store, signer, random, nowMs: nowMs() }, caller)
      if ('ok' in credential) throw refusedAs(credential)
      const { labels, advertise, details } = request.body
      const location = await store.write(async sql => {
        const agent = found(await getAgent(sql, caller.agentId), `agent ${caller.agentId}`)
        // What its proof has said of it wins, as when it enrolled.
        await describeAgent(sql, agent.id, { labels: { ...labels, ...agent.labels }, advertise, details: { ...agent.details, ...details } })
        return agent.location
      })
      return answerOf(credential, location)
    },
  )
}

const enrolmentOf = ({ body, ip, raw }: FastifyRequest<{ Body: EnrolRequest }>): Enrolment => {
  const { proof, claimed, runner, labels, advertise, details } = body
  const { id, ...place } = claimed
  return {
    proof:
      proof.kind === 'spiffe'
        ? { kind: 'spiffe', peer: raw.socket instanceof TLSSocket ? peerChainOf(raw.socket) : [] }
        : { kind: proof.kind, token: new Secret(proof.token) },
    claimed: { ...(id !== undefined && { id }), location: place },
    runner,
    said: { labels, advertise, details },
    from: ip,
  }
}

const answerOf = ({ agentId, token, expiresMs }: Credential, location: Location): CredentialAnswer => ({
  agentId,
  credential: token.reveal(),
  expiresAt: new Date(expiresMs).toISOString(),
  location,
})

/** What is wrong with the proof is 401, what is decided about the proved 403; what is nobody's fault is to come again. */
const forbidden: readonly RefusalReason[] = ['banned', 'claims_differ', 'subject_not_allowed', 'location_unknown']
const refusedAs = ({ reason, detail }: Refusal): HttpProblem => {
  const status = reason === 'issuer_unreachable' ? 503 : forbidden.includes(reason) ? 403 : 401
  return new HttpProblem(status, `${reason}: ${detail}`, status === 503 ? { retryAfterS: 30 } : {})
}
