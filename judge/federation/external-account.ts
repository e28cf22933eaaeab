/** Google's external_account files (AIP-4117): where the token comes from, where it is exchanged, and whom it stands for. Pure. */
import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import { isObject, type JsonObject, readJson } from '../spiffe/json.ts'

export type ExternalAccount = {
  provider: string
  subjectTokenType: string
  tokenUrl: string
  impersonationUrl?: string
  serviceAccount?: string
  source:
    | { kind: 'file'; path: string; field?: string }
    | { kind: 'url'; url: string; headers: Record<string, string>; field?: string }
    | { kind: 'aws'; verificationUrl?: string }
}

const maxDepth = 16
const other: Record<string, string> = {
  service_account: 'a service account key, which lives for years: what is checked here is a federated credential, want external_account',
  authorized_user: "a person's own login, want external_account",
}

/** What such a file says, or everything that is wrong with it. An executable source is refused: a probe runs nobody's programs. Values are never repeated. */
export const readExternalAccount = (text: string): Parsed<ExternalAccount> => {
  const read = readJson(text, maxDepth)
  if (!read.ok) return bad(read.problem)
  const file = read.value
  if (!isObject(file)) return bad('not a JSON object')
  const type = textOf(file, 'type')
  if (type !== 'external_account')
    return bad(other[type ?? ''] ?? `its type is ${type === undefined ? 'missing' : quote(type)}, want external_account`)
  const problems: string[] = []
  const want = (name: string): string => {
    const value = textOf(file, name)
    if (value === undefined) problems.push(`${name} is missing`)
    return value ?? ''
  }
  const [provider, subjectTokenType, tokenUrl] = [want('audience'), want('subject_token_type'), want('token_url')]
  const source = readSource(file['credential_source'])
  if (!source.ok) problems.push(...source.problems)
  if (problems.length > 0 || !source.ok) return bad(...problems)
  const impersonationUrl = textOf(file, 'service_account_impersonation_url')
  const account = /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(impersonationUrl ?? '')?.[1]
  if (impersonationUrl !== undefined && account === undefined)
    return bad('service_account_impersonation_url does not end in serviceAccounts/…:generateAccessToken')
  return good({
    provider,
    subjectTokenType,
    tokenUrl,
    ...(impersonationUrl && { impersonationUrl, serviceAccount: decodeURIComponent(account!) }),
    source: source.value,
  })
}

const textOf = (object: JsonObject, name: string): string | undefined => (typeof object[name] === 'string' ? object[name] : undefined)

const readSource = (source: unknown): Parsed<ExternalAccount['source']> => {
  if (!isObject(source)) return bad('credential_source is missing')
  if (source['executable'] !== undefined)
    return bad('credential_source.executable is refused: nothing is run for a check; want a file, a URL or AWS')
  if (source['certificate'] !== undefined) return bad('credential_source.certificate is not in this version; want a file, a URL or AWS')
  const field = readField(source['format'])
  if (!field.ok) return field
  const format = field.value === undefined ? {} : { field: field.value }
  const [path, url, environment] = [textOf(source, 'file'), textOf(source, 'url'), textOf(source, 'environment_id')]
  if (environment !== undefined) {
    if (environment !== 'aws1') return bad(`credential_source.environment_id is ${quote(environment)}, want aws1`)
    const verificationUrl = textOf(source, 'regional_cred_verification_url')
    return good({ kind: 'aws', ...(verificationUrl && { verificationUrl }) })
  }
  if (path !== undefined) return good({ kind: 'file', path, ...format })
  if (url === undefined) return bad('credential_source has neither file nor url nor environment_id')
  const given = isObject(source['headers']) ? source['headers'] : {}
  const headers = Object.fromEntries(Object.entries(given).filter((one): one is [string, string] => typeof one[1] === 'string'))
  return good({ kind: 'url', url, headers, ...format })
}

const readField = (format: unknown): Parsed<string | undefined> => {
  if (!isObject(format) || format['type'] === undefined || format['type'] === 'text') return good(undefined)
  const field = textOf(format, 'subject_token_field_name')
  if (format['type'] !== 'json') return bad('credential_source.format.type is neither text nor json')
  return field === undefined ? bad('credential_source.format.subject_token_field_name is missing') : good(field)
}
