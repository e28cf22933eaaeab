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
  dns: { port: number; names: Record<string, string> }
}
