/**
 * A join token as it is handed over: `cwj_<secret>` or `cwj_<secret>.<pin>`. The pin is the SHA-256 of the DER bytes of the controller's CA certificate, in hex:
 * the agent takes that authority and no other, so nobody in between can be the controller.
 */
import { Secret } from './secret.ts'
import { bad, good, type Parsed } from './values.ts'

export type JoinTokenText = { secret: Secret; caPin?: string }

/** 32 random bytes in base64url. */
const form = /^cwj_([A-Za-z0-9_-]{43})(?:\.([0-9a-f]{64}))?$/

export const printJoinToken = (random: Uint8Array, caPin?: string): Secret => {
  const secret = Buffer.from(random).toString('base64url')
  return new Secret(`cwj_${secret}${caPin === undefined ? '' : `.${caPin}`}`)
}

/** Never repeats the text. */
export const parseJoinToken = (text: string): Parsed<JoinTokenText> => {
  const [, secret, caPin] = form.exec(text.trim()) ?? []
  if (secret === undefined) return bad('not a join token: want cwj_ and 43 letters, as `probe join-token` prints it')
  return good({ secret: new Secret(secret), ...(caPin === undefined ? {} : { caPin }) })
}
