/** Repairs at AWS, by reason: which line of which policy, filled with what the token says. */
import type { Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { FederationFacts } from './federation-facts.ts'
import { fixIssuer, fixProjection } from './fix-token.ts'
import { fix } from './say.ts'

/** As the ARN of an OIDC provider and the names of condition keys have it: the issuer without its scheme. */
const bare = (issuer: string): string => issuer.replace(/^https?:\/\//, '')
const providerArn = ({ raw, accountId }: FederationFacts): string => `arn:aws:iam::${accountId}:oidc-provider/${bare(raw.issuer)}`

/** The statement that lets exactly this workload in. */
const statement = (facts: FederationFacts): string => {
  const { raw } = facts
  const key = bare(raw.issuer)
  return JSON.stringify({
    Effect: 'Allow',
    Principal: { Federated: providerArn(facts) },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${key}:sub`]: raw.subject, [`${key}:aud`]: raw.wanted } },
  })
}

const shown = (facts: FederationFacts): Fix =>
  fix('AWS: see the trust policy as it is', `aws iam get-role --role-name ${facts.roleName} --query Role.AssumeRolePolicyDocument`)

const trustPolicy = (facts: FederationFacts): Fix[] => [
  fix(
    `AWS: the trust policy of the role ${facts.roleName}: Principal.Federated, and in Condition the lines "${bare(facts.raw.issuer)}:sub" and "${bare(facts.raw.issuer)}:aud", must say this`,
    statement(facts),
  ),
  shown(facts),
  fix('AWS: does the provider that the policy names exist?', 'aws iam list-open-id-connect-providers'),
]

const provider = ({ issuer, wanted }: FederationFacts): Fix =>
  fix(
    'AWS, in the account of the role: an identity provider for exactly this issuer',
    `aws iam create-open-id-connect-provider --url ${issuer} --client-id-list ${wanted}`,
  )

export const fixAws: Partial<Record<FailReason, (facts: FederationFacts) => Fix[]>> = {
  issuer_unknown: facts => [
    provider(facts),
    fix('AWS: the providers that there are; one character is enough for another issuer', 'aws iam list-open-id-connect-providers'),
    ...trustPolicy(facts).slice(0, 1),
  ],
  issuer_unreachable: facts => [
    ...fixIssuer(facts),
    fix(
      "AWS, where it says that the thumbprint does not match: the provider's line ThumbprintList must have that of the issuer's present authority",
      `aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn '${providerArn(facts).replaceAll("'", '')}' --thumbprint-list THUMBPRINT`,
    ),
  ],
  audience_mismatch: facts => [
    fixProjection(facts),
    fix(
      "AWS, or else: take the token's audience among the provider's client IDs",
      `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn '${providerArn(facts).replaceAll("'", '')}' --client-id ${facts.audience}`,
    ),
    ...trustPolicy(facts).slice(0, 1),
  ],
  subject_mismatch: trustPolicy,
  subject_mismatch_or_policy: facts => [
    ...trustPolicy(facts),
    fix('AWS: an organisation may forbid it beside all that', 'aws organizations list-policies --filter SERVICE_CONTROL_POLICY'),
  ],
  claim_rejected: trustPolicy,
  target_missing: facts => [shown(facts), ...trustPolicy(facts).slice(0, 1)],
  endpoint_disabled: ({ region }) => [
    fix(
      `AWS, in the account of the role, by its administrator: IAM, Account settings, Security Token Service: activate ${region}`,
      'https://console.aws.amazon.com/iam/home#/account_settings',
    ),
    fix('AWS: a region that is off altogether has to be turned on first', `aws account enable-region --region-name ${region}`),
    fix('the workload: another region', 'AWS_REGION=us-east-1'),
  ],
  call_denied: ({ roleName }) => [
    fix(
      'AWS: the policy of the role must allow the call; for S3',
      `aws iam put-role-policy --role-name ${roleName} --policy-name causeway --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::BUCKET"}]}'`,
    ),
    fix("AWS: the bucket's own policy may deny it", 'aws s3api get-bucket-policy --bucket BUCKET'),
  ],
}
