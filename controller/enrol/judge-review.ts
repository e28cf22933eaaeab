import { isObject, type JsonObject } from '../../judge/spiffe/json.ts'
import { quote } from '../../wire/values.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Verified } from './verify-token.ts'

/**
 * What an answered TokenReview means for the token whose claims these are. Authenticated, the token is as it was signed, so its own claims count; that the
 * answer is about the same account, pod and node is looked at all the same, since other authenticators of a cluster may know the token too. Pure.
 */
export const judgeReview = (document: unknown, claims: Verified['claims'], audience: string): Verified | Refusal => {
  const status = isObject(document) && isObject(document['status']) ? document['status'] : {}
  if (status['authenticated'] !== true) return refuse('signature_invalid', `the cluster does not know the token${sayError(status)}`)
  // A server that does not know of audiences says none (TokenReviewStatus): then nobody has looked at them.
  const audiences = status['audiences']
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return refuse('audience_mismatch', `the cluster did not check the audience, want ${quote(audience)}`)
  const user = isObject(status['user']) ? status['user'] : {}
  if (user['username'] !== claims.sub)
    return refuse('claims_differ', 'the cluster knows the token as that of another account than its subject')
  const differing = differences(isObject(user['extra']) ? user['extra'] : {}, claims)
  if (differing.length > 0) return refuse('claims_differ', `the cluster knows the token as that of another ${differing.join(' and ')}`)
  return { ok: true, claims }
}

/** `status.error` is the authenticators' text; what looks like a token or a part of one is not repeated. */
const sayError = ({ error }: JsonObject): string =>
  typeof error === 'string' && error !== ''
    ? `: ${quote(
        error
          .slice(0, 1000)
          .replaceAll(/[\w-]{32,}/g, '***')
          .slice(0, 200),
      )}`
    : ''

/** Keys of `user.extra` (Kubernetes "Managing Service Accounts", node and pod information since 1.30), and where the token has the same. */
const extras = [
  ['authentication.kubernetes.io/pod-name', 'pod', 'name'],
  ['authentication.kubernetes.io/pod-uid', 'pod', 'uid'],
  ['authentication.kubernetes.io/node-name', 'node', 'name'],
  ['authentication.kubernetes.io/node-uid', 'node', 'uid'],
] as const

const differences = (extra: JsonObject, claims: JsonObject): string[] => {
  const binding = isObject(claims['kubernetes.io']) ? claims['kubernetes.io'] : {}
  const differing = extras.filter(([key, object, member]) => {
    const said = extra[key]
    const bound = binding[object]
    return Array.isArray(said) && said[0] !== (isObject(bound) ? bound[member] : undefined)
  })
  return [...new Set(differing.map(([, object]) => object))]
}
