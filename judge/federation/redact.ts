/** Words of others that may go into a result: no token, no key, one line, not endless. Pure. */

/** The start of `{"` in base64url: where every JWT begins. */
const jwt = /eyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g
/** Long runs without a dot, a slash or a colon: keys, session tokens. Issuers, subjects and identifiers are shorter or have those. */
const opaque = /[\w+-]{48,}={0,2}/g
const mostChars = 300

/** `secrets` are those of this run: they are found whole and in their parts. */
export const redact = (text: string, secrets: readonly string[] = []): string => {
  const parts = secrets.flatMap(secret => [secret, ...secret.split('.')]).filter(part => part.length >= 16)
  let clean = text
  for (const part of parts) clean = clean.replaceAll(part, '***')
  clean = clean
    .replace(jwt, '***')
    .replace(opaque, '***')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return clean.length > mostChars ? `${clean.slice(0, mostChars)}…` : clean
}
