/** Which identities are wanted, as functions: what is wrong with an ID, or undefined when it is the wanted one. */
import { isSameId, printSpiffeId, type SpiffeId } from './id.ts'

export type Matcher = (id: SpiffeId) => string | undefined

export const matchAny: Matcher = () => undefined

/** Exactly this ID. */
export const matchId =
  (wanted: SpiffeId): Matcher =>
  id => {
    if (isSameId(id, wanted)) return undefined
    const differs = id.trustDomain === wanted.trustDomain ? 'another path' : 'another trust domain'
    return `ID is ${printSpiffeId(id)}, want ${printSpiffeId(wanted)}: ${differs}`
  }

/** Any ID of this trust domain. */
export const matchTrustDomain =
  (trustDomain: string): Matcher =>
  id =>
    id.trustDomain === trustDomain
      ? undefined
      : `ID is ${printSpiffeId(id)}, want one of the trust domain ${trustDomain}: another trust domain`

/** The ID itself or one below it: `/ns/payments` takes in `/ns/payments/sa/api` and never `/ns/payments-test`. */
export const matchPathPrefix =
  (prefix: SpiffeId): Matcher =>
  id => {
    if (id.trustDomain !== prefix.trustDomain)
      return `ID is ${printSpiffeId(id)}, want one under ${printSpiffeId(prefix)}: another trust domain`
    const below = id.path === prefix.path || id.path.startsWith(`${prefix.path}/`)
    return below ? undefined : `ID is ${printSpiffeId(id)}, want one under ${printSpiffeId(prefix)}: another path`
  }
