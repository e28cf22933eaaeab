/**
 * What a cloud's refusal means. A row is found by its code first and then by a part of its text, never by text alone: Microsoft says that texts may change and
 * codes may, and what no row knows stays what it is. Pure.
 */
import type { Cloud } from '../../wire/options-federation.ts'
import type { FailReason } from '../../wire/reasons.ts'

export type Refusal = { status: number; code: string | null; message: string | null }
type Row = { code: string; text?: string; reason: FailReason }

/**
 * AWS STS. Codes are those of the API model; the texts were seen in AWS re:Post ("Troubleshoot OIDC provider and IRSA"), aws/aws-sdk-ruby#2698 (a claim that is
 * missing), aws-actions/configure-aws-credentials (the thumbprint) and in bodies of STS that Envoy keeps as test data. "Could not be validated" is the model's own
 * description of InvalidIdentityToken and says no more than the code.
 */
const aws: Row[] = [
  { code: 'InvalidIdentityToken', text: 'No OpenIDConnect provider found', reason: 'issuer_unknown' },
  { code: 'InvalidIdentityToken', text: "Couldn't retrieve verification key", reason: 'issuer_unreachable' },
  { code: 'InvalidIdentityToken', text: "doesn't match configured thumbprint", reason: 'issuer_unreachable' },
  { code: 'InvalidIdentityToken', text: 'Incorrect token audience', reason: 'audience_mismatch' },
  { code: 'InvalidIdentityToken', text: 'Missing a required claim', reason: 'token_malformed' },
  { code: 'InvalidIdentityToken', text: 'is not a valid JWT', reason: 'token_malformed' },
  { code: 'InvalidIdentityToken', reason: 'claim_rejected' },
  { code: 'IDPCommunicationError', reason: 'issuer_unreachable' },
  { code: 'IDPRejectedClaim', reason: 'claim_rejected' },
  { code: 'ExpiredTokenException', reason: 'token_expired' },
  { code: 'ExpiredToken', reason: 'token_expired' },
  { code: 'AccessDenied', reason: 'subject_mismatch_or_policy' },
  { code: 'RegionDisabledException', reason: 'endpoint_disabled' },
  { code: 'Throttling', reason: 'throttled' },
  { code: 'ThrottlingException', reason: 'throttled' },
  { code: 'ValidationError', reason: 'target_missing' },
  { code: 'InvalidClientTokenId', reason: 'claim_rejected' },
  { code: 'SignatureDoesNotMatch', reason: 'signature_invalid' },
]

/**
 * By `error_codes`, without the prefix AADSTS. Microsoft's list ("Microsoft Entra authentication and authorization error codes") has few of them; seen in
 * Azure/azure-workload-identity#340 and #1200 (70021, 700211), #605 and its troubleshooting page (90061), #642 (50166), #693 (700024), Azure/login#283 (501661) and #517
 * (7002138: the subject differs in case alone), microsoft/Agents#202 (7002137), and "Important considerations and restrictions for federated identity credentials" (700222).
 */
const azure: Row[] = [
  { code: '70021', reason: 'no_match' },
  { code: '700211', reason: 'issuer_unknown' },
  { code: '700212', reason: 'audience_mismatch' },
  { code: '700213', reason: 'subject_mismatch' },
  { code: '700222', reason: 'token_type_unsupported' },
  { code: '700226', reason: 'token_type_unsupported' },
  { code: '700024', reason: 'token_expired' },
  { code: '50166', reason: 'issuer_unreachable' },
  { code: '501661', reason: 'issuer_unreachable' },
  { code: '90061', reason: 'issuer_unreachable' },
  { code: '700016', reason: 'target_missing' },
  { code: '90002', reason: 'target_missing' },
  { code: '50013', text: 'key was not found', reason: 'key_not_in_jwks' },
  { code: '50013', reason: 'signature_invalid' },
  { code: '5000811', reason: 'key_not_in_jwks' },
  { code: '50027', reason: 'token_malformed' },
  { code: '53003', reason: 'policy_blocked' },
  { code: '90055', reason: 'throttled' },
]
/** No matching federated identity record: a seventh digit says more of the same (7002131: a flexible expression, 7002138: upper and lower case). */
const narrower = /^(70021[123])\d$/

/**
 * Google STS (RFC 6749 §5.2 codes) and IAM credentials (google.rpc reasons). Texts from "Troubleshoot Workload Identity Federation", google-github-actions/auth#211 and
 * #333, siderolabs/talos#13210 (another issuer's discovery document), and one published measurement against the real STS: a key that is not in the set is answered as an
 * issuer that can't be reached, a wrong signature by a text of its own, and a missing subject by the attribute condition.
 */
const gcp: Row[] = [
  { code: 'invalid_target', reason: 'target_missing' },
  { code: 'invalid_request', text: 'Invalid value for "audience"', reason: 'target_missing' },
  { code: 'invalid_grant', text: 'does not match the expected audience', reason: 'audience_mismatch' },
  { code: 'invalid_grant', text: 'The issuer in ID Token', reason: 'issuer_unknown' },
  { code: 'invalid_grant', text: 'claim in OIDC discovery document does not match', reason: 'discovery_invalid' },
  { code: 'invalid_grant', text: "Error connecting to the given credential's issuer", reason: 'issuer_unreachable' },
  { code: 'invalid_grant', text: 'is stale to sign-in', reason: 'token_expired' },
  { code: 'invalid_grant', text: 'ID Token signature', reason: 'signature_invalid' },
  { code: 'invalid_grant', reason: 'claim_rejected' },
  { code: 'unauthorized_client', text: 'Org Policy violated', reason: 'policy_blocked' },
  { code: 'unauthorized_client', text: 'attribute condition', reason: 'subject_mismatch' },
  { code: 'unauthorized_client', reason: 'subject_mismatch_or_policy' },
  { code: 'IAM_PERMISSION_DENIED', reason: 'impersonation_denied' },
  { code: 'PERMISSION_DENIED', text: 'constraints/', reason: 'policy_blocked' },
  { code: 'PERMISSION_DENIED', reason: 'impersonation_denied' },
  { code: 'FAILED_PRECONDITION', text: 'Org Policy violated', reason: 'policy_blocked' },
  { code: 'NOT_FOUND', reason: 'target_missing' },
  { code: 'UNAUTHENTICATED', reason: 'token_type_unsupported' },
]

export const refusalRows: Readonly<Record<Cloud, readonly Row[]>> = { aws, azure, gcp }

/** `cloud_error` is what the cloud itself broke on, and what nobody has met yet. */
export const judgeRefusal = (cloud: Cloud, { status, code, message }: Refusal): FailReason => {
  if (status === 429) return 'throttled'
  if (status >= 500) return 'cloud_error'
  const text = (message ?? '').toLowerCase()
  const known = code?.replace(narrower, '$1')
  const row = refusalRows[cloud].find(one => one.code === known && (one.text === undefined || text.includes(one.text.toLowerCase())))
  return row?.reason ?? 'cloud_error'
}
