/** Repairs at Entra and in Azure, by reason. */
import type { Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { FederationFacts } from './federation-facts.ts'
import { fixProjection } from './fix-token.ts'
import { fix } from './say.ts'

/** A JSON text as one word of a shell. */
const quoted = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`

const parameters = ({ raw }: FederationFacts): string =>
  quoted({ name: 'cluster', issuer: raw.issuer, subject: raw.subject, audiences: [raw.wanted] })

const shown = ({ clientId }: FederationFacts): Fix =>
  fix(
    'Azure: the federated credentials that the application has; each line is compared byte for byte, upper and lower case too',
    `az ad app federated-credential list --id ${clientId} --query '[].{issuer:issuer,subject:subject,audiences:audiences}'`,
  )

const says = { issuer: 'line issuer', subject: 'line subject', all: 'lines issuer, subject and audiences' } as const

const update = (facts: FederationFacts, line: string): Fix[] => [
  fix(
    `Azure: the federated credential (NAME, in the list) of the application ${facts.raw.clientId}, its ${line}, must say this`,
    `az ad app federated-credential update --id ${facts.clientId} --federated-credential-id NAME --parameters ${parameters(facts)}`,
  ),
  fix(
    'Azure: or one more beside it (at most 20)',
    `az ad app federated-credential create --id ${facts.clientId} --parameters ${parameters(facts)}`,
  ),
  shown(facts),
  fix(
    'Azure: the same for a user-assigned managed identity',
    `az identity federated-credential create --name cluster --identity-name IDENTITY --resource-group GROUP --issuer ${facts.issuer} --subject ${facts.subject} --audiences ${facts.wanted}`,
  ),
]

export const fixAzure: Partial<Record<FailReason, (facts: FederationFacts) => Fix[]>> = {
  issuer_unknown: facts => update(facts, says.issuer),
  audience_mismatch: facts => [fixProjection(facts), ...update(facts, 'line audiences').slice(0, 1), shown(facts)],
  subject_mismatch: facts => update(facts, says.subject),
  subject_mismatch_or_policy: facts => update(facts, says.all),
  no_match: facts => [
    ...update(facts, says.all),
    fix('Azure: after a change it takes some minutes; ask again', 'probe run federation://azure'),
  ],
  claim_rejected: facts => [shown(facts), ...update(facts, says.all).slice(0, 1)],
  target_missing: ({ clientId, tenantId }) => [
    fix(
      `Azure: is the application ${clientId} in the tenant ${tenantId}, and not deleted?`,
      `az ad app show --id ${clientId} --query appId; az account show --query tenantId`,
    ),
    fix('the workload: the two that must belong together', `AZURE_CLIENT_ID=${clientId} AZURE_TENANT_ID=${tenantId}`),
  ],
  token_type_unsupported: () => [
    fix(
      'Azure: a token of Entra itself is not taken by a federated credential; use a managed identity as the credential of the application, or a projected token',
      'az ad app federated-credential create --id CLIENT_ID --parameters \'{"name":"identity","issuer":"https://login.microsoftonline.com/TENANT/v2.0","subject":"PRINCIPAL_ID","audiences":["api://AzureADTokenExchange"]}\'',
    ),
  ],
  policy_blocked: ({ clientId }) => [
    fix(
      'Azure: which policy of Conditional Access for workload identities stopped it',
      `az rest --method get --url "https://graph.microsoft.com/beta/auditLogs/signIns?\\$filter=signInEventTypes/any(t: t eq 'servicePrincipal') and appId eq '${clientId.replaceAll("'", '')}'"`,
    ),
  ],
  call_denied: ({ clientId }) => [
    fix(
      'Azure: a role for the call, at the smallest scope; for Blob Storage',
      `az role assignment create --assignee ${clientId} --role "Storage Blob Data Reader" --scope /subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/ACCOUNT/blobServices/default/containers/CONTAINER`,
    ),
    fix('Azure: the roles that it has; new ones take up to ten minutes', `az role assignment list --assignee ${clientId} --all`),
  ],
}
