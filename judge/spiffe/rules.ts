/** Every rule that an identity can break, and the reason that a run fails with when it does. One list: the type and the precedence come from it. */
import type { FailReason } from '../../wire/reasons.ts'
import type { Violation } from '../../wire/result.ts'

/** The reasons come in their order of precedence: the first that is found is the outcome, the others stand beside it. */
export const rulesByReason = {
  bundle_malformed: [
    'bundle_not_json',
    'bundle_too_large',
    'bundle_too_deep',
    'bundle_not_pem',
    'bundle_not_an_object',
    'keys_missing',
    'key_invalid',
    'kid_missing',
    'x5c_invalid',
    'key_differs_from_x5c',
    'sequence_invalid',
    'refresh_hint_invalid',
    'private_key_in_bundle',
  ],
  bundle_authority_expired: ['bundle_authority_expired'],
  token_malformed: [
    'token_syntax',
    'algorithm_not_allowed',
    'type_not_allowed',
    'header_not_allowed',
    'kid_invalid',
    'audience_missing',
    'expiry_missing',
    'claim_invalid',
  ],
  no_spiffe_id: ['no_spiffe_id'],
  invalid_spiffe_id: ['invalid_spiffe_id'],
  multiple_uri_san: ['multiple_uri_san'],
  leaf_constraint: [
    'leaf_root_path',
    'leaf_is_ca',
    'leaf_key_cert_sign',
    'leaf_crl_sign',
    'leaf_no_key_usage',
    'leaf_no_digital_signature',
    'leaf_eku_without_server_auth',
    'leaf_eku_without_client_auth',
    'leaf_san_not_critical',
  ],
  unknown_trust_domain: ['unknown_trust_domain'],
  chain_incomplete: ['chain_incomplete'],
  untrusted_chain: [
    'issuer_not_in_bundle',
    'bad_signature',
    'signing_not_ca',
    'signing_no_key_cert_sign',
    'signing_id_has_path',
    'signing_id_invalid',
    'path_too_long',
    'name_not_permitted',
    'unknown_critical_extension',
  ],
  key_not_in_jwks: ['key_not_in_jwks'],
  signature_invalid: ['signature_invalid', 'algorithm_not_of_key'],
  svid_not_yet_valid: ['leaf_not_yet_valid', 'intermediate_not_yet_valid', 'authority_not_yet_valid', 'token_not_yet_valid'],
  svid_expired: ['leaf_expired', 'intermediate_expired', 'authority_expired'],
  token_expired: ['token_expired'],
  certificate_revoked: ['certificate_revoked'],
  audience_mismatch: ['audience_mismatch'],
  id_mismatch: ['id_mismatch'],
} as const satisfies { [R in FailReason]?: readonly string[] }

export type SpiffeReason = keyof typeof rulesByReason
export type Rule = (typeof rulesByReason)[SpiffeReason][number]

/** `code` says what fails, `rule` which rule of the specification is broken. */
export type RuleViolation = Violation & { code: SpiffeReason; rule: Rule }

const reasons = Object.keys(rulesByReason) as SpiffeReason[]
const reasonOf = new Map<string, SpiffeReason>(reasons.flatMap(reason => rulesByReason[reason].map(rule => [rule, reason] as const)))

export const violation = (rule: Rule, detail: string): RuleViolation => ({ code: reasonOf.get(rule)!, rule, detail })

/** The one that decides comes first (the order of the reasons above); those of one reason stay in their order. */
export const byPrecedence = (violations: readonly RuleViolation[]): RuleViolation[] =>
  violations.toSorted((a, b) => reasons.indexOf(a.code) - reasons.indexOf(b.code))
