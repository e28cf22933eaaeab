/** People: a token of this controller, or a bearer token of the configured OpenID provider; and what their role lets them do. */
import type { JWTPayload } from 'jose'
import { Secret } from '../../wire/secret.ts'
import { addEvent } from '../store/events.ts'
import { addPersonToken, findPersonToken, grantedRole, type Role, revokePersonTokens, roles } from '../store/people.ts'
import { claimSetting } from '../store/settings.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import type { Issuer, IssuerKeys } from './issuer-keys.ts'
import { hashSecret } from './join-token.ts'
import { type Refusal, refuse } from './refusal.ts'
import { verifyToken } from './verify-token.ts'

/** The provider whose bearer tokens are taken. */
export type Provider = Issuer & {
  audience: string
  /** The claim that lists a person's groups. */
  groupsClaim: string
  /** Which group has which role, over everything or over what some owners have. */
  groups: Readonly<Record<string, Role | Grant>>
}

/** `owners` absent: over everything. Everybody who has a role sees everything. */
export type Grant = { role: Role; owners?: readonly string[] }

/** Without grants: known, and may do nothing yet. */
export type Person = { ok: true; principal: string; name: string; grants: readonly Grant[] }

const reaches = ({ role }: Grant, wanted: Role): boolean => roles.indexOf(role) >= roles.indexOf(wanted)

/** Over everything; with `owner`, over what that one has. */
export const mayAct = ({ grants }: Pick<Person, 'grants'>, wanted: Role, owner?: string): boolean =>
  grants.some(
    grant => reaches(grant, wanted) && (wanted === 'viewer' || !grant.owners || (owner !== undefined && grant.owners.includes(owner))),
  )

/** Over something at least. */
export const mayActSomewhere = ({ grants }: Pick<Person, 'grants'>, wanted: Role): boolean => grants.some(grant => reaches(grant, wanted))

/** `the role viewer`, `the roles viewer; admin of payments`. */
export const sayGrants = ({ grants }: Pick<Person, 'grants'>): string => {
  const said = [...new Set(grants.map(({ role, owners }) => (owners ? `${role} of ${owners.join(', ')}` : role)))]
  return said.length === 0 ? 'no role' : `the role${said.length === 1 ? '' : 's'} ${said.join('; ')}`
}

const prefix = 'cwp_'
const form = /^cwp_[A-Za-z0-9_-]{43}$/
const bootstrapName = 'bootstrap'

type Means = { store: Pick<Store, 'write'>; random: (bytes: number) => Uint8Array; nowMs: number }
type NewToken = { name: string; role: Role; author: string; ttlMs?: number }

/** The one time that its text is known. */
export const makePersonToken = async (means: Means, person: NewToken): Promise<Secret> => {
  const token = new Secret(prefix + Buffer.from(means.random(32)).toString('base64url'))
  await means.store.write(sql => putToken(sql, token, person, means.nowMs))
  return token
}

const putToken = async (sql: Sql, token: Secret, { name, role, author, ttlMs }: NewToken, nowMs: number): Promise<void> => {
  const expires = ttlMs === undefined ? {} : { expiresMs: nowMs + ttlMs }
  await addPersonToken(sql, { hash: hashSecret(token), name, role, author, createdMs: nowMs, ...expires })
  await addEvent(sql, { kind: 'person_token_made', subject: name, body: { role, author, ...expires } })
}

/** The first admin's token, made once in the life of a store; undefined ever after. `anew`: revokes the former and makes another, for who has lost it. */
export const makeBootstrapToken = async ({ store, random, nowMs }: Means, anew = false): Promise<Secret | undefined> => {
  const token = new Secret(prefix + Buffer.from(random(32)).toString('base64url'))
  const mine = hashSecret(token)
  const made = await store.write(async sql => {
    const first = await claimSetting(sql, 'enrol/bootstrap', mine, nowMs)
    if (first !== mine && !anew) return false
    await revokePersonTokens(sql, bootstrapName, nowMs)
    await putToken(sql, token, { name: bootstrapName, role: 'admin', author: 'controller' }, nowMs)
    return true
  })
  return made ? token : undefined
}

export type Knowing = { store: Pick<Store, 'read'>; keys: IssuerKeys; provider?: Provider; nowMs: number }

export const identifyPerson = async (bearer: Secret, { store, keys, provider, nowMs }: Knowing): Promise<Person | Refusal> => {
  if (bearer.reveal().startsWith(prefix)) {
    if (!form.test(bearer.reveal())) return refuse('proof_malformed', 'not a token of this controller')
    const found = await store.read(sql => findPersonToken(sql, hashSecret(bearer), nowMs))
    if (!found) return refuse('credential_unknown', 'the token is not one of this controller, or it was revoked, or has ended')
    return { ok: true, principal: `controller#${found.name}`, name: found.name, grants: [{ role: found.role }] }
  }
  if (!provider) return refuse('issuer_unknown', 'no OpenID provider is configured: want a token of this controller')
  const verified = await verifyToken(bearer, { issuer: provider, audience: provider.audience, keys, nowMs })
  if (!verified.ok) return verified
  const { claims } = verified
  const principal = `${provider.issuer}#${claims.sub}`
  const granted = await store.read(sql => grantedRole(sql, principal))
  const name = [claims['email'], claims['preferred_username'], claims['name']].find(one => typeof one === 'string') ?? claims.sub
  const grants = [...(granted ? [{ role: granted }] : []), ...groupGrants(claims, provider)]
  return { ok: true, principal, name: String(name).slice(0, 256), grants }
}

const groupGrants = (claims: JWTPayload, { groupsClaim, groups }: Provider): Grant[] => {
  const said: unknown = claims[groupsClaim]
  if (!Array.isArray(said)) return []
  return said.flatMap((group: unknown) => {
    const has = typeof group === 'string' && Object.hasOwn(groups, group) ? groups[group] : undefined
    return has === undefined ? [] : [typeof has === 'string' ? { role: has } : has]
  })
}
