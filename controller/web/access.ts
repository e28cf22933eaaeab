/**
 * Who may do what. Every route says in its `config.access` who it is for; one that does not is a fault of this program, found when it starts. An agent comes
 * with its credential, a person with a token of this controller or of the OpenID provider; nobody's rights come from anything in a body.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Secret } from '../../wire/secret.ts'
import { checkCaller } from '../enrol/caller.ts'
import type { Caller } from '../enrol/credential.ts'
import type { IssuerKeys } from '../enrol/issuer-keys.ts'
import { identifyPerson, mayAct, mayActSomewhere, type Person, type Provider, sayGrants } from '../enrol/person.ts'
import type { Refusal } from '../enrol/refusal.ts'
import type { Signer } from '../enrol/signer.ts'
import { type Role, roles } from '../store/people.ts'
import type { Store } from '../store/store.ts'
import { HttpProblem } from './problem.ts'

/** `open`: nobody in particular; `agent`: an enrolled agent, for its own data only; a role: people who have it or a higher one. */
export type Access = 'open' | 'agent' | Role
const accesses: readonly string[] = ['open', 'agent', ...roles]

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** The route asks itself whether the role reaches the owner of what it is about. */
    byOwner?: true
    /** For how long after its end an agent's credential is taken here. */
    graceMs?: number
  }
  interface FastifyRequest {
    caller: Caller | null
    person: Person | null
  }
}

export type Knowing = {
  store: Pick<Store, 'read'>
  signer: Signer
  keys: IssuerKeys
  provider?: Provider
  nowMs: () => number
  /** Somebody was not let in: counted. */
  refused: (access: Access, reason: string) => void
}

export const addAccess = (app: FastifyInstance, knowing: Knowing): void => {
  app.decorateRequest('caller', null)
  app.decorateRequest('person', null)
  app.addHook('onRoute', ({ url, method, config }) => {
    if (!accesses.includes(config?.access ?? '')) throw new TypeError(`${method} ${url} does not say who it is for`)
  })
  app.addHook('onRequest', async request => {
    // A route that there is not answers so to everyone.
    if (request.is404) return
    const access = request.routeOptions.config.access
    if (access === undefined) throw new TypeError(`${request.routeOptions.url} does not say who it is for`)
    if (access === 'agent') request.caller = await identifyAgent(request, knowing)
    else if (access !== 'open') request.person = await identify(request, access, knowing)
  })
}

const identifyAgent = async (request: FastifyRequest, { store, signer, nowMs, refused }: Knowing): Promise<Caller> => {
  const bearer = bearerOf(request, 'the credential of an agent')
  const caller = await checkCaller(store, bearer, signer, nowMs(), request.routeOptions.config.graceMs)
  if (caller.ok) return caller
  refused('agent', caller.reason)
  throw new HttpProblem(caller.reason === 'banned' ? 403 : 401, `${caller.reason}: ${caller.detail}`)
}

const identify = async (request: FastifyRequest, wanted: Role, { store, keys, provider, nowMs, refused }: Knowing): Promise<Person> => {
  const bearer = bearerOf(request, 'a token of this controller')
  const person: Person | Refusal = await identifyPerson(bearer, { store, keys, ...(provider && { provider }), nowMs: nowMs() })
  if (!person.ok) {
    refused(wanted, person.reason)
    throw new HttpProblem(401, `${person.reason}: ${person.detail}`)
  }
  if (request.routeOptions.config.byOwner ? mayActSomewhere(person, wanted) : mayAct(person, wanted)) return person
  refused(wanted, 'role')
  throw new HttpProblem(403, `${person.name} has ${sayGrants(person)}, and this is for the role ${wanted} or a higher one`)
}

const bearerOf = ({ headers: { authorization } }: FastifyRequest, wanted: string): Secret => {
  const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization ?? '') ?? []
  if (token === undefined) throw new HttpProblem(401, `no token: want ${wanted} in the header authorization: Bearer …`)
  return new Secret(token)
}

/** Who decides, on a route for people. */
export const authorOf = ({ person }: { person: Person | null }): string => person!.name
