/** Why somebody is not let in. One list: the type, and the label of what is counted. */
export const refusalReasons = [
  'proof_malformed',
  'issuer_unknown',
  'issuer_unreachable',
  'key_unknown',
  'signature_invalid',
  'audience_mismatch',
  'subject_not_allowed',
  'expired',
  'not_yet_valid',
  'claims_missing',
  'claims_differ',
  'join_token_unknown',
  'join_token_used',
  'join_token_expired',
  'trust_domain_unknown',
  'svid_invalid',
  'location_unknown',
  'credential_unknown',
  'banned',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** `detail` says what was seen and what is wanted; never any part of a token. */
export type Refusal = { ok: false; reason: RefusalReason; detail: string }
export const refuse = (reason: RefusalReason, detail: string): Refusal => ({ ok: false, reason, detail })
