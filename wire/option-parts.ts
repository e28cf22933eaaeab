/** Options that several kinds have. */
export const timeoutMs = { type: 'integer', default: 5000, minimum: 10, maximum: 120_000, description: 'time for the whole run' } as const
export const source = { type: 'string', description: 'source address' } as const
export const sni = { type: 'string', description: 'server name to ask for, and to find in the certificate; default: the host' } as const
export const alpn = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 255 },
  default: [],
  description: 'application protocols to offer',
} as const
export const pem = {
  ca: { type: 'string', description: 'PEM of the authorities to trust, instead of the public ones' },
  cert: { type: 'string', description: 'PEM of our certificate and its chain' },
  key: { type: 'string', description: 'PEM of our private key' },
} as const
