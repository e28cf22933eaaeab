/** Repairs at Google, by reason. */
import type { Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { FederationFacts } from './federation-facts.ts'
import { fixIssuer, fixKeys, fixProjection } from './fix-token.ts'
import { fix } from './say.ts'

const at = ({ project, pool, provider }: FederationFacts): string =>
  `${provider} --workload-identity-pool=${pool} --location=global --project=${project}`
const update = (facts: FederationFacts, flag: string): string =>
  `gcloud iam workload-identity-pools providers update-oidc ${at(facts)} ${flag}`
const shown = (facts: FederationFacts): Fix =>
  fix(
    'GCP: the provider as it is: issuerUri, allowedAudiences, attributeCondition',
    `gcloud iam workload-identity-pools providers describe ${at(facts)}`,
  )

/** As IAM policies name one federated identity. */
const principal = ({ project, pool, raw }: FederationFacts): string =>
  `principal://iam.googleapis.com/projects/${project}/locations/global/workloadIdentityPools/${pool}/subject/${raw.subject}`
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Google needs no way to an issuer whose keys it was given. */
const uploaded = (facts: FederationFacts): Fix =>
  fix(
    "GCP, or else: give the provider the cluster's present keys, so that it need not fetch them (again after every rotation)",
    `kubectl get --raw /openid/v1/jwks > keys.json && ${update(facts, '--jwk-json-path=keys.json')}`,
  )

const condition = (facts: FederationFacts): Fix[] => [
  fix(
    `GCP: the provider ${facts.provider} of the pool ${facts.pool}, its line attributeCondition, must hold for this subject (the command sets the whole line: keep with || what else it lets in)`,
    update(facts, `--attribute-condition=${quoted(`assertion.sub == ${JSON.stringify(facts.raw.subject)}`)}`),
  ),
  shown(facts),
]

export const fixGcp: Partial<Record<FailReason, (facts: FederationFacts) => Fix[]>> = {
  issuer_unknown: facts => [
    fix(
      `GCP: the provider ${facts.provider} of the pool ${facts.pool}, its line issuerUri, must be this`,
      update(facts, `--issuer-uri=${facts.issuer}`),
    ),
    shown(facts),
  ],
  issuer_unreachable: facts => [...fixIssuer(facts), uploaded(facts)],
  key_not_in_jwks: facts => [...fixKeys(facts), uploaded(facts)],
  audience_mismatch: facts => [
    fixProjection(facts),
    fix(
      `GCP, or else: the provider ${facts.provider} of the pool ${facts.pool}, its line allowedAudiences (the command sets the whole list)`,
      update(facts, `--allowed-audiences=${facts.audience}`),
    ),
    shown(facts),
  ],
  subject_mismatch: condition,
  subject_mismatch_or_policy: condition,
  claim_rejected: facts => [shown(facts), ...condition(facts).slice(0, 1)],
  target_missing: facts => [
    shown(facts),
    fix('GCP: disabled (its line disabled: true)? Turn it on', update(facts, '--no-disabled')),
    fix('GCP: deleted within the last 30 days? Bring it back', `gcloud iam workload-identity-pools providers undelete ${at(facts)}`),
    fix(
      "GCP: the provider's full name has the project's number, not its ID",
      'gcloud projects describe PROJECT_ID --format="value(projectNumber)"',
    ),
  ],
  impersonation_denied: facts => [
    fix(
      'GCP: the IAM policy of the service account must have this member with roles/iam.workloadIdentityUser',
      `gcloud iam service-accounts add-iam-policy-binding ${facts.account} --role=roles/iam.workloadIdentityUser --member=${quoted(principal(facts))}`,
    ),
    fix('GCP: its policy as it is; a new binding takes some minutes', `gcloud iam service-accounts get-iam-policy ${facts.account}`),
  ],
  token_type_unsupported: facts => [
    fix('the workload: impersonate a service account first', `probe run federation://gcp --impersonate ${facts.account}`),
    fix(
      'GCP: let the workload do so',
      `gcloud iam service-accounts add-iam-policy-binding ${facts.account} --role=roles/iam.workloadIdentityUser --member=${quoted(principal(facts))}`,
    ),
  ],
  policy_blocked: facts => [
    fix(
      `GCP: the policy constraints/iam.workloadIdentityPoolProviders, its line allowedValues, must have the issuer ${facts.raw.issuer}; as it is`,
      `gcloud resource-manager org-policies describe constraints/iam.workloadIdentityPoolProviders --project=${facts.project} --effective`,
    ),
    fix(
      'GCP, as organisation policy administrator: allow it',
      `gcloud resource-manager org-policies allow constraints/iam.workloadIdentityPoolProviders ${facts.issuer} --project=${facts.project}`,
    ),
  ],
  call_denied: facts => [
    fix(
      'GCP: a role for the call; for Vertex AI',
      facts.account === 'SERVICE_ACCOUNT_EMAIL'
        ? `gcloud projects add-iam-policy-binding PROJECT_ID --role=roles/aiplatform.user --member=${quoted(principal(facts))}`
        : `gcloud projects add-iam-policy-binding PROJECT_ID --role=roles/aiplatform.user --member=serviceAccount:${facts.account}`,
    ),
    fix(
      'GCP: for Cloud Storage',
      `gcloud storage buckets add-iam-policy-binding gs://BUCKET --role=roles/storage.objectViewer --member=serviceAccount:${facts.account}`,
    ),
    fix('GCP: is the API on in the project?', 'gcloud services list --enabled --project=PROJECT_ID'),
  ],
}
