/** The authorised call at the end of the chain: which request each preset is, and what its answer says. Pure. */
import type { Options } from '../../wire/options.ts'
import type { FailReason } from '../../wire/reasons.ts'
import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import type { Variables } from './settings.ts'
import { readSecureUrl } from './urls.ts'

export type CallPlan = {
  preset: NonNullable<Options['federation']['call']>
  url: URL
  method: 'GET' | 'HEAD' | 'POST'
  headers: Record<string, string>
  body?: string
  /** Of Entra: for whom the access token must be. */
  scope?: string
  /** How AWS names what is called, in the scope of a signature. */
  signing: { service: string; region: string }
}

type Given = Options['federation']
type Part = Pick<CallPlan, 'url'> & Partial<CallPlan>

/** A bucket's name (S3, Cloud Storage), a storage account and container: what may stand in a host name or a path. */
const bucket = /^[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]$/
const blob = /^([a-z0-9]{3,24})\/([a-z0-9$][a-z0-9-]{1,62})$/
const model = /^projects\/[\w-]+\/locations\/([a-z0-9-]+)\/(?:endpoints\/[\w-]+|publishers\/[\w-]+\/models\/[\w.@-]+)$/
/** Version of the Blob service's REST API that takes tokens. */
const blobVersion = '2021-12-02'

/** Undefined: no call. */
export const planCall = (options: Given, variables: Variables): Parsed<CallPlan | undefined> => {
  const { call: preset, resource = '', callUrl, callBody, callMethod } = options
  if (preset === undefined)
    return callUrl === undefined && options.resource === undefined ? good(undefined) : bad('--call-url and --resource go with --call')
  const base = callUrl === undefined ? undefined : readSecureUrl(callUrl, 'the URL of the call')
  if (typeof base === 'string') return bad(base)
  const region = options.region ?? variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION ?? 'us-east-1'
  const part = parts[preset](resource, base, region)
  if (typeof part === 'string') return bad(part)
  const method = callMethod ?? part.method ?? 'GET'
  const body = method === 'POST' ? (callBody ?? part.body ?? '') : undefined
  if (callBody !== undefined && method !== 'POST') return bad(`a body goes with POST, the method of the call is ${method}`)
  const headers = { ...part.headers, ...(body !== undefined && { 'content-type': 'application/json' }) }
  return good({
    preset,
    method,
    headers,
    body,
    url: part.url,
    scope: part.scope,
    signing: part.signing ?? { service: 'execute-api', region },
  })
}

const under = (base: URL, path: string): URL => new URL(path, `${base.origin}${base.pathname.replace(/\/?$/, '/')}`)

const parts: Record<CallPlan['preset'], (resource: string, base: URL | undefined, region: string) => Part | string> = {
  s3: (name, base, region) => {
    if (!bucket.test(name)) return `which bucket? --resource, got ${quote(name)}`
    const query = '?list-type=2&max-keys=1'
    const url = base
      ? under(base, `${name}${query}`)
      : new URL(`https://${name}.s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}/${query}`)
    return { url, signing: { service: 's3', region } }
  },
  blob: (name, base) => {
    const [, account, container] = blob.exec(name) ?? []
    if (!account) return `which container? --resource account/container, got ${quote(name)}`
    const path = `${container}?restype=container&comp=list&maxresults=1`
    const url = under(base ?? new URL(`https://${account}.blob.core.windows.net/`), path)
    return { url, headers: { 'x-ms-version': blobVersion }, scope: 'https://storage.azure.com/.default' }
  },
  gcs: (name, base) =>
    bucket.test(name)
      ? { url: under(base ?? new URL('https://storage.googleapis.com/'), `storage/v1/b/${name}/o?maxResults=1`) }
      : `which bucket? --resource, got ${quote(name)}`,
  vertex: (name, base) => {
    const [, location] = model.exec(name) ?? []
    if (!location) return `which endpoint or model? --resource projects/…/locations/…/endpoints/…, got ${quote(name)}`
    const host = location === 'global' ? 'aiplatform.googleapis.com' : `${location}-aiplatform.googleapis.com`
    return { url: under(base ?? new URL(`https://${host}/`), `v1/${name}:predict`), method: 'POST', body: '{"instances":[{}]}' }
  },
  url: (_name, base) => {
    if (!base) return 'which URL? --call-url'
    const [, service, region] = /(?:^|\.)([a-z0-9-]+)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(base.hostname) ?? []
    return { url: base, ...(service && region && { signing: { service, region } }) }
  },
}

export type CallAnswer = { status: number; code: string | null; federated: boolean }

/** Why the call failed although there is a credential; undefined for an answer that is good. A federated token that Google does not know at all is one that the service does not take. */
export const judgeCall = ({ status, code, federated }: CallAnswer): FailReason | undefined => {
  if (status >= 200 && status < 300) return undefined
  if (status === 401 && federated && (code === null || code === 'UNAUTHENTICATED')) return 'token_type_unsupported'
  if (status === 401 || status === 403) return 'call_denied'
  if (status === 404) return 'target_missing'
  if (status === 429) return 'throttled'
  return status >= 500 ? 'cloud_error' : 'http_status'
}
