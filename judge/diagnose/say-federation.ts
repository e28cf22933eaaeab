/** Each way in which a federated credential is not obtained, in a sentence that names what is to be changed. */
import type { Cloud } from '../../wire/options-federation.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { FederationFacts } from './federation-facts.ts'

type Say = Record<Cloud | 'none', (facts: FederationFacts) => string>

/** AADSTS7002138: "matches with case-insensitive comparison, but not with case-sensitive comparison". */
const differsInCase = '7002138'

/** Which line of which policy it is. */
const unknownTo: Say = {
  aws: ({ accountId }) => `the account ${accountId} has no identity provider of exactly this URL`,
  azure: ({ raw }) => `no federated credential of the application ${raw.clientId} has it in its line issuer`,
  gcp: ({ provider, pool }) => `it is not the issuerUri of the provider ${provider} in the pool ${pool}`,
  none: () => 'no policy names it',
}
const closedTo: Say = {
  aws: ({ roleName }) => `the trust policy of the role ${roleName} has another`,
  azure: ({ raw, code }) =>
    code === differsInCase
      ? `a federated credential of the application ${raw.clientId} has it in its line subject with other capitals, and each letter counts`
      : `no federated credential of the application ${raw.clientId} has it in its line subject, letter by letter`,
  gcp: ({ provider, pool }) => `the attributeCondition of the provider ${provider} in the pool ${pool} does not hold for it`,
  none: () => 'the policy has another',
}
const missingAt: Say = {
  aws: ({ raw }) => `AWS takes ${raw.roleArn} for no role that can be assumed`,
  azure: ({ raw }) => `Azure has no application ${raw.clientId} in the tenant ${raw.tenantId}, or no such tenant`,
  gcp: ({ provider, pool, project }) =>
    `GCP has no provider ${provider} in the pool ${pool} of the project ${project} that is not deleted or disabled`,
  none: () => 'what was asked for does not exist',
}

/** Where the chain was, when it broke: in a sentence. */
export const saidOf: Partial<Record<FailReason, (facts: FederationFacts, cloud: string) => string>> = {
  token_missing: () => 'there is no token to show, so no cloud was asked',
  token_malformed: () => 'what is shown as a token is none that a cloud could judge',
  token_expired: (_facts, cloud) =>
    `the token was too old for ${cloud}: whoever holds it has not read the renewed one, or a clock is wrong`,
  issuer_unreachable: ({ raw }, cloud) => `${cloud} can't fetch the keys of the issuer ${raw.issuer}, so it can't check the token`,
  issuer_unknown: (facts, cloud) => `${cloud} does not know the issuer ${facts.raw.issuer}: ${unknownTo[facts.cloud ?? 'none'](facts)}`,
  discovery_invalid: ({ raw }) => `the issuer ${raw.issuer} publishes a discovery document that is not its own, or none at all`,
  key_not_in_jwks: ({ raw }) =>
    `the key ${raw.keyId}, which signed the token, is not among those that the issuer ${raw.issuer} publishes: it has rotated and not published`,
  signature_invalid: ({ raw }) => `no key of the issuer ${raw.issuer} made the signature: the token is another cluster's, or forged`,
  audience_mismatch: ({ raw, cloud, provider }, name) =>
    `the token is for ${raw.audience}, and ${name} wants one for ${raw.wanted}${cloud === 'gcp' ? `, or for one of the allowedAudiences of the provider ${provider} where it has that line` : ''}`,
  subject_mismatch: (facts, cloud) =>
    `${cloud} does not let the subject ${facts.raw.subject} in: ${closedTo[facts.cloud ?? 'none'](facts)}`,
  subject_mismatch_or_policy: ({ raw }, cloud) =>
    `${cloud} knows the issuer and refuses the subject ${raw.subject}, its audience ${raw.audience}, or the role: it does not say which`,
  no_match: ({ raw }, cloud) => `${cloud} has no federated credential for the subject ${raw.subject} of the issuer ${raw.issuer}`,
  claim_rejected: (_facts, cloud) => `${cloud} refuses what the token says`,
  target_missing: (facts, cloud) =>
    facts.call === null
      ? missingAt[facts.cloud ?? 'none'](facts)
      : `the credential was obtained, and what it was to call does not exist at ${cloud}: ${facts.call}`,
  impersonation_denied: ({ raw, account }) => `the federated identity of ${raw.subject} exists and may not act as ${account}`,
  token_type_unsupported: (_facts, cloud) => `${cloud} does not take this type of token there`,
  endpoint_disabled: ({ region }) => `STS is turned off in the region ${region}`,
  policy_blocked: ({ cloud, raw }, name) =>
    `a policy of the organisation at ${name} forbids it${cloud === 'gcp' ? `: the issuer ${raw.issuer} is not among those that it allows` : cloud === 'azure' ? `: Conditional Access blocks the application ${raw.clientId}` : ''}`,
  throttled: (_facts, cloud) => `${cloud} was asked too often`,
  cloud_error: (_facts, cloud) => `${cloud} itself failed, or answered in a way that is not known here`,
  call_denied: (_facts, cloud) => `the credential was obtained, and ${cloud} does not let it make the call`,
}
