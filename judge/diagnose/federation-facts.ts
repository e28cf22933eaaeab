/** What the fixes of a federated credential are filled with: the token's own claims, and what was configured. */
import type { FederationMeasured } from '../../wire/measured-federation.ts'
import type { Cloud } from '../../wire/options-federation.ts'
import { clean } from './say.ts'

/** Each is ready to stand in a shell: one word, or a placeholder in capitals. `raw` are the texts for policies, which are JSON. */
export type FederationFacts = {
  cloud: Cloud | null
  issuer: string
  subject: string
  /** What the token is for, and what the cloud wants it to be for. */
  audience: string
  wanted: string
  namespace: string
  serviceAccount: string
  roleArn: string
  roleName: string
  accountId: string
  region: string
  tenantId: string
  clientId: string
  project: string
  pool: string
  provider: string
  account: string
  /** Where the token is read from, when that is a file. */
  tokenFile: string
  /** Who gives the token: what is to be changed there differs. */
  origin: 'file' | 'url' | 'azure' | 'gcp' | 'other'
  /** The cloud's own word for its refusal. */
  code: string | null
  /** The request at the end, where one was made. */
  call: string | null
  raw: {
    issuer: string
    subject: string
    audience: string
    wanted: string
    roleArn: string
    provider: string
    keyId: string
    clientId: string
    tenantId: string
  }
}

/** One word of a POSIX shell, whatever a token says: quoted where it has to be, and a placeholder where it is no plain text. */
export const shellWord = (text: string | null | undefined, placeholder: string): string => {
  if (text === null || text === undefined || text === '' || text.length > 500 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text))
    return placeholder
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

const plain = (text: string | null | undefined, placeholder: string): string =>
  typeof text !== 'string' || text === '' || text.length > 500 ? placeholder : clean(text)

const originOf = (source: string): FederationFacts['origin'] =>
  source.startsWith('file ')
    ? 'file'
    : source.startsWith('URL ')
      ? 'url'
      : source.startsWith('Azure ')
        ? 'azure'
        : source.startsWith('GCP ')
          ? 'gcp'
          : 'other'

export const factsOf = ({ cloud, token, wanted, answer, call, steps }: Partial<FederationMeasured>): FederationFacts => {
  const [first] = token?.audiences ?? []
  const [want] = wanted?.audiences ?? []
  const [, , namespace, name] = /^system:serviceaccount:[^:]+:[^:]+$/.test(token?.subject ?? '') ? token!.subject!.split(':') : []
  const [, account = 'ACCOUNT', role = 'ROLE'] =
    /^arn:[a-z-]+:iam::(\d{12}):role\/(?:[\w+=,.@/-]*\/)?([\w+=,.@-]+)$/.exec(wanted?.roleArn ?? '') ?? []
  const [, project = 'PROJECT_NUMBER', pool = 'POOL', provider = 'PROVIDER'] =
    /^\/\/iam\.googleapis\.com\/projects\/(\d+)\/locations\/global\/workloadIdentityPools\/([a-z0-9-]+)\/providers\/([a-z0-9-]+)$/.exec(
      wanted?.provider ?? '',
    ) ?? []
  const source = token?.source ?? steps?.find(({ step, verdict }) => step === 'token' && verdict === 'ok')?.detail ?? ''
  return {
    cloud: cloud ?? null,
    issuer: shellWord(token?.issuer, 'ISSUER'),
    subject: shellWord(token?.subject, 'SUBJECT'),
    audience: shellWord(first, 'AUDIENCE'),
    wanted: shellWord(want, 'AUDIENCE'),
    namespace: shellWord(namespace, 'NAMESPACE'),
    serviceAccount: shellWord(name, 'SERVICE_ACCOUNT'),
    roleArn: shellWord(wanted?.roleArn, 'ROLE_ARN'),
    roleName: role,
    accountId: account,
    region: shellWord(wanted?.region, 'REGION'),
    tenantId: shellWord(wanted?.tenantId, 'TENANT'),
    clientId: shellWord(wanted?.clientId, 'CLIENT_ID'),
    project,
    pool,
    provider,
    account: shellWord(wanted?.serviceAccount, 'SERVICE_ACCOUNT_EMAIL'),
    tokenFile: shellWord(/^file (\/.+)$/.exec(source)?.[1], 'TOKEN_FILE'),
    origin: originOf(source),
    code: answer?.code ?? null,
    call: call?.endpoint === undefined ? null : clean(call.endpoint),
    raw: {
      issuer: plain(token?.issuer, 'ISSUER'),
      subject: plain(token?.subject, 'SUBJECT'),
      audience: plain(first, 'AUDIENCE'),
      wanted: plain(want, 'AUDIENCE'),
      roleArn: plain(wanted?.roleArn, 'ROLE_ARN'),
      provider: plain(wanted?.provider, 'PROVIDER'),
      keyId: plain(token?.keyId, 'without a name'),
      clientId: plain(wanted?.clientId, 'CLIENT_ID'),
      tenantId: plain(wanted?.tenantId, 'TENANT'),
    },
  }
}
