/** AWS Signature Version 4 checked from its description (SigV4 "Create a signed request"), without the library that signs. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type Signed = { method: string; path: string; query: URLSearchParams; headers: Record<string, string | undefined>; body: string }
/** The secret and the session token of an access key; undefined for one that nobody has. */
export type FindKey = (accessKeyId: string) => { secret: string; sessionToken?: string } | undefined

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** Requests older than this are refused. */
const skewMs = 15 * 60_000

const timeOf = (stamp: string): number => Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

/** Who signed the request; a text names the error as AWS does. */
export const verifySigV4 = (
  request: Signed,
  service: string,
  findKey: FindKey,
  nowMs: number,
): { accessKeyId: string } | { error: string } => {
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers['authorization'] ?? '',
    ) ?? []
  const [accessKeyId = '', day = '', region = '', signedFor = '', end = ''] = credential.split('/')
  const key = findKey(accessKeyId)
  if (!credential) return { error: 'MissingAuthenticationToken' }
  if (!key) return { error: 'InvalidClientTokenId' }
  if (key.sessionToken !== request.headers['x-amz-security-token']) return { error: 'InvalidClientTokenId' }
  const stamp = request.headers['x-amz-date'] ?? ''
  if (!(Math.abs(timeOf(stamp) - nowMs) < skewMs) || !stamp.startsWith(day)) return { error: 'RequestExpired' }
  if (signedFor !== service || end !== 'aws4_request') return { error: 'SignatureDoesNotMatch' }
  const signedNames = names.split(';')
  if (!signedNames.includes('host')) return { error: 'SignatureDoesNotMatch' }
  const query = [...request.query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort((a, b) => (a < b ? -1 : 1))
  const payload = request.headers['x-amz-content-sha256'] ?? hash(request.body)
  if (payload !== hash(request.body)) return { error: 'SignatureDoesNotMatch' }
  const fields = signedNames.map(name => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`)
  const canonical = [request.method, request.path, query.join('&'), fields.join(''), names, payload].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const signing = [day, region, service, 'aws4_request'].reduce<string | Buffer>((made, part) => mac(made, part), `AWS4${key.secret}`)
  const wanted = mac(signing, ['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n'))
  return timingSafeEqual(wanted, Buffer.from(signature, 'hex')) ? { accessKeyId } : { error: 'SignatureDoesNotMatch' }
}
