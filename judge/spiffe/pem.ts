/** PEM (RFC 7468): its blocks in order. What stands around them is explanation and is skipped. Contents of private keys are never shown. */

export type PemBlock = {
  label: string /** The decoded content; of an encrypted or old-style key it need not be DER. */
  der: Uint8Array /** As it stands. */
  text: string
}
export type Pem = { blocks: PemBlock[]; problems: string[] }

/** Enough for any chain or bundle. */
const maxBlocks = 2000

export const readPem = (text: string): Pem => {
  const blocks: PemBlock[] = []
  const problems: string[] = []
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g
  for (let found = begin.exec(text); found; found = begin.exec(text)) {
    const label = found[1]!
    if (blocks.length + problems.length >= maxBlocks) {
      problems.push(`more than ${maxBlocks} PEM blocks`)
      break
    }
    const from = begin.lastIndex
    const to = text.indexOf(`-----END ${label}-----`, from)
    const next = text.indexOf('-----BEGIN ', from)
    if (to < 0 || (next >= 0 && next < to)) {
      problems.push(`the ${label} that begins in line ${lineOf(text, found.index)} has no end: the file is truncated`)
      continue
    }
    const end = to + `-----END ${label}-----`.length
    const body = text.slice(from, to)
    // Headers of old-style encrypted keys (RFC 1421) are no base64.
    const base64 = body.replaceAll(/^[A-Za-z-]+: .*$/gm, '').replaceAll(/\s+/g, '')
    if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
      blocks.push({ label, der: Buffer.from(base64, 'base64'), text: text.slice(found.index, end) })
    else problems.push(`the ${label} that begins in line ${lineOf(text, found.index)} is ${base64 ? 'not base64' : 'empty'}`)
    begin.lastIndex = end
  }
  return { blocks, problems }
}

export const isPrivateKey = ({ label }: { label: string }): boolean => label.endsWith('PRIVATE KEY')
export const hasPrivateKey = ({ blocks }: Pem): boolean => blocks.some(isPrivateKey)

const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length
