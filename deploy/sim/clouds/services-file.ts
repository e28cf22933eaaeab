import type { TrustPolicy } from './federated.ts'

/** What the services of one cloud are to do now. They read it again when it changes. */
export type ServicesFile = {
  host: string
  services: {
    name: string
    port: number
    chainPem: string
    keyPem: string
    /** PEM of the authorities whose clients are taken. */
    accepts: string
    /** Trust domains of those that its policy lets in. */
    admits: string[]
  }[]
  bundle: { port: number; chainPem: string; keyPem: string; document: string }
  /** The OpenID issuer of the cloud's cluster, where another cloud takes its tokens: documents by path. */
  issuer?: { port: number; chainPem: string; keyPem: string; documents: Record<string, string> }
  /** The cloud's token service, and the authority by which it knows issuers. */
  tokens?: { port: number; chainPem: string; keyPem: string; authorityPem: string; policy: TrustPolicy }
  dns: { port: number; names: Record<string, string> }
}
