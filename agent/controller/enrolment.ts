/** The two requests that give a credential: with a proof of who we are, and with the credential before. */
import type { EnrolRequest, RenewRequest } from '../../wire/api/enrol.ts'
import type { Self } from '../config/config.ts'
import { defaultTimeoutMs } from '../send/endpoint.ts'
import { type Answer, post } from '../send/post.ts'
import { type Credential, judgeCredentialAnswer, type Verdict } from './credential.ts'
import type { Line } from './line.ts'
import type { Proof } from './proof.ts'

/** Nothing is decided by it: how others reach the responder, and what people see. */
export type Said = RenewRequest
export type Asking = { line: Line; self: Self; said: () => Promise<Said>; nowMs: () => number }

/** Never rejects. */
export const enrol = async ({ line, self, said, nowMs }: Asking, proof: Proof, signal: AbortSignal): Promise<Verdict> => {
  if (proof.kind === 'join' && proof.caPin !== undefined) {
    const trusted = await line.trust(proof.caPin, signal)
    if (!trusted.ok) return { kind: 'retry', detail: trusted.problems[0]! }
  }
  const request: EnrolRequest = {
    proof: proof.kind === 'spiffe' ? { kind: 'spiffe' } : { kind: proof.kind, token: proof.token.reveal() },
    claimed: claimsOf(self, proof.kind),
    runner: self.runner,
    ...(await said()),
  }
  const by = proof.kind === 'spiffe' ? { url: line.url, agent: line.provingAgent } : line
  return judgeCredentialAnswer(await tell(by, '/v1/enrol', request, {}, signal), nowMs())
}

/** Never rejects. */
export const renew = async ({ line, said, nowMs }: Asking, { token }: Credential, signal: AbortSignal): Promise<Verdict> =>
  judgeCredentialAnswer(await tell(line, '/v1/enrol/renew', await said(), bearer(token), signal), nowMs())

export const bearer = (token: Credential['token']): Record<string, string> => ({ authorization: `Bearer ${token.reveal()}` })

/** A JSON body to one of the controller's routes. Never rejects. */
export const tell = async (
  line: Pick<Line, 'url' | 'agent'>,
  path: string,
  body: object,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> => {
  try {
    return await post(
      {
        url: `${line.url}${path}`,
        headers: { ...headers, 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(body)),
        agent: await line.agent(),
        timeoutMs: defaultTimeoutMs,
      },
      signal,
    )
  } catch (error) {
    return { kind: 'failed', detail: (error as Error).message }
  }
}

/**
 * Who says something else than its proof is refused, so that a wrong file is noticed; what a proof may not know is not said. An SVID says nothing of the place:
 * the cluster and the node are the agent's word.
 */
const claimsOf = ({ cloud, region, zone, cluster, node }: Self, proof: Proof['kind']): EnrolRequest['claimed'] =>
  Object.fromEntries(
    Object.entries({
      cloud,
      region,
      zone,
      cluster: proof === 'join' ? undefined : cluster,
      node: proof === 'spiffe' ? node : undefined,
    }).filter(([, value]) => value !== undefined),
  )

type Ports = { tcp?: number | null; tls?: number | null; mtls?: number | null }
const usualPorts = { echo: 7460, tls: 7461, mtls: 7462 }

/** What of the responder is open, in the words of the controller. */
export const servesOf = ({ tcp, tls, mtls }: Ports): ('echo' | 'tls' | 'mtls')[] =>
  ([tcp && 'echo', tls && 'tls', mtls && 'mtls'] as const).filter(one => typeof one === 'string')

/** Where others reach the responder: as configured, else at `localAddress`, the one with which we reach the controller. */
export const advertiseOf = (configured: Self['advertise'], ports: Ports, localAddress: string | undefined): Said['advertise'] => {
  const own = Object.entries({ echo: ports.tcp, tls: ports.tls, mtls: ports.mtls }).filter(
    ([name, port]) => port && port !== usualPorts[name as keyof typeof usualPorts],
  )
  const where: Self['advertise'] = configured.length > 0 || localAddress === undefined ? configured : [{ scope: 'pod', host: localAddress }]
  return where.map(({ scope, host, ports: others }) => {
    const all = { ...Object.fromEntries(own), ...others }
    return { scope, host, ...(Object.keys(all).length === 0 ? {} : { ports: all }) }
  })
}
