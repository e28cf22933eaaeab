/**
 * A workload of one cloud that gets a credential of another for the token of its own cluster: who it is, what is written down of that for the length of a simulation,
 * and the variables by which the workload finds it, as the clouds' own libraries do.
 */
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type JSONWebKeySet, SignJWT } from 'jose'
import { type Cloud, clouds, type Layout, ports, workload } from './clouds.ts'
import { files } from './folder.ts'
import { type Certified, issue, makeAuthority } from './issue.ts'

/** What a role's trust policy allows, as its conditions `…:sub` and `…:aud` say it. */
export type TrustPolicy = { role: string; issuer: string; subject: string; audience: string }

/** Made once. The token is as long good as SVIDs are: nobody renews either. */
export type Federated = { authorityPem: string; issuer: Certified; tokens: Certified; keys: JSONWebKeySet; token: string }

/** As GKE's are: with a path (https://container.googleapis.com/v1/projects/…). */
const path = `/v1/projects/ml-prod/locations/${clouds[workload.cloud].region}/clusters/${clouds[workload.cloud].cluster}`
export const issuerOf = ({ services }: Layout): string => `https://${services[workload.cloud]}:${ports.issuer}${path}`
const tokensUrl = ({ services }: Layout): string => `https://${services[workload.to]}:${ports.tokens}/`

type Dates = { notBeforeMs: number; notAfterMs: number }

export const makeFederated = async (layout: Layout, { notBeforeMs, notAfterMs }: Dates, nowMs: number): Promise<Federated> => {
  const authority = await makeAuthority('public', 'ec', nowMs)
  const certify = (cloud: Cloud): Promise<Certified> => issue(authority, { addresses: [layout.services[cloud]], notBeforeMs, notAfterMs })
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const header = { alg: 'RS256', kid: '1' }
  const [, , namespace, name] = workload.subject.split(':')
  const second = (ms: number): number => Math.floor(ms / 1000)
  const token = await new SignJWT({ 'kubernetes.io': { namespace, serviceaccount: { name } } })
    .setProtectedHeader(header)
    .setIssuer(issuerOf(layout))
    .setSubject(workload.subject)
    .setAudience([workload.audience])
    .setIssuedAt(second(nowMs))
    .setNotBefore(second(nowMs))
    .setExpirationTime(second(notAfterMs))
    .sign(privateKey)
  return {
    authorityPem: authority.rootPem,
    issuer: await certify(workload.cloud),
    tokens: await certify(workload.to),
    keys: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...header, use: 'sig' } as JSONWebKeySet['keys'][number]] },
    token,
  }
}

export const readFederated = (folder: string): Federated => JSON.parse(readFileSync(join(folder, files.federated), 'utf8')) as Federated

/** What the issuer publishes, by path (OpenID Connect Discovery 1.0 §4). */
export const documentsOf = ({ keys }: Federated, layout: Layout): Record<string, string> => {
  const issuer = issuerOf(layout)
  const discovery = {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
  return { [`${path}/.well-known/openid-configuration`]: JSON.stringify(discovery), [`${path}/jwks`]: JSON.stringify(keys) }
}

/** What the cluster sets for a pod with that service account. Agents elsewhere have nothing of it. */
export const variablesOf = (cloud: Cloud, folder: string, layout: Layout): Record<string, string> =>
  cloud === workload.cloud
    ? {
        AWS_ROLE_ARN: workload.role,
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, files.token),
        AWS_ENDPOINT_URL_STS: tokensUrl(layout),
        NODE_EXTRA_CA_CERTS: join(folder, files.publicAuthority),
      }
    : {}
