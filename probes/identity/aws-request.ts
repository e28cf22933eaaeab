import type { Question } from './ask.ts'
import type { Secret } from './secret.ts'

export type AwsKeys = { accessKeyId: string; secretKey: Secret; sessionToken?: Secret }
export type ToSign = { url: URL; method: 'GET' | 'HEAD' | 'POST'; headers?: Record<string, string>; body?: string }

/** The request with its signature (Signature Version 4), by Smithy's own signer, which is loaded when something is first signed. */
export const signAwsRequest = async (
  { url, method, headers = {}, body = '' }: ToSign,
  { accessKeyId, secretKey, sessionToken }: AwsKeys,
  { service, region }: { service: string; region: string },
): Promise<Question> => {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([import('@smithy/signature-v4'), import('@aws-crypto/sha256-js')])
  const signer = new SignatureV4({
    service,
    region,
    sha256: Sha256,
    credentials: { accessKeyId, secretAccessKey: secretKey.reveal(), ...(sessionToken && { sessionToken: sessionToken.reveal() }) },
    // S3 signs the path as it is sent, the others what is escaped once more.
    uriEscapePath: service !== 's3',
  })
  const signed = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...headers, host: url.host },
    body,
  })
  const { host: _, ...fields } = signed.headers
  return { url, method, headers: fields, ...(method === 'POST' && { body }) }
}

/** STS GetCallerIdentity as Google takes it for a subject token: the signed request, which Google sends itself (AIP-4117 "AWS"). */
export const signCallerIdentity = async (
  keys: AwsKeys,
  region: string,
  verificationUrl: string | undefined,
  resource?: string,
): Promise<{ url: URL; question: Question; serialized: string }> => {
  const text = (verificationUrl ?? 'https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15').replace(
    '{region}',
    region,
  )
  const url = new URL(text)
  const headers: Record<string, string> = resource === undefined ? {} : { 'x-goog-cloud-target-resource': resource }
  const question = await signAwsRequest({ url, method: 'POST', headers }, keys, { service: 'sts', region })
  const fields = { ...question.headers, host: url.host }
  const list = Object.entries(fields).map(([key, value]) => ({ key, value }))
  return { url, question, serialized: encodeURIComponent(JSON.stringify({ url: text, method: 'POST', headers: list })) }
}
