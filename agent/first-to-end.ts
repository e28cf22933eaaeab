import type { CertificateFacts } from '../wire/measured.ts'

/** Which certificate of a chain ends first. Of several that end together the lowest: an authority bounds the life of what it signs. */
export const firstToEnd = (chain: readonly CertificateFacts[]): number | undefined => {
  let first: number | undefined
  for (const [place, { notAfter }] of chain.entries())
    if (first === undefined || Date.parse(notAfter) < Date.parse(chain[first]!.notAfter)) first = place
  return first
}
