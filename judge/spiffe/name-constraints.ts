/** Name constraints of signing certificates (RFC 5280 §4.2.1.10) for the names that SVIDs have: URIs, DNS names, addresses. */
import type { Certificate } from './certificate.ts'

/** What `signer` forbids about the names of `below`, one text each; empty when all are permitted. */
export const nameProblems = ({ names }: Certificate, { nameConstraints }: Certificate): string[] => {
  if (!nameConstraints) return []
  const { permitted, excluded } = nameConstraints
  const addresses = checkNames(names.addresses, permitted.addresses, excluded.addresses, addressFits).map(() => 'an address')
  return [
    ...checkNames(names.uris, permitted.uris, excluded.uris, uriFits).map(name => `"${name}"`),
    ...checkNames(names.dns, permitted.dns, excluded.dns, dnsFits).map(name => `"${name}"`),
    ...addresses,
  ]
    .slice(0, mostTold)
    .map(name => `${name} is not permitted`)
}

/** Every name of a leaf with ten thousand would be the same problem again. */
const mostTold = 5

/** The names that are excluded, or that no permitted base of their type takes in. */
const checkNames = <T>(names: readonly T[], permitted: readonly T[], excluded: readonly T[], fits: (name: T, base: T) => boolean): T[] =>
  names.filter(name => excluded.some(base => fits(name, base)) || (permitted.length > 0 && !permitted.some(base => fits(name, base))))

/** "When the constraint begins with a period, it MAY be expanded with one or more labels"; else it is one host. */
const uriFits = (uri: string, base: string): boolean => {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]*)/i.exec(uri)?.[1]?.toLowerCase() ?? ''
  const constraint = base.toLowerCase()
  return constraint.startsWith('.') ? host.length > constraint.length && host.endsWith(constraint) : host === constraint
}

const dnsFits = (name: string, base: string): boolean => {
  const constraint = base.toLowerCase().replace(/^\./, '')
  const lower = name.toLowerCase()
  return constraint === '' || lower === constraint || lower.endsWith(`.${constraint}`)
}

/** A base is an address and its mask, one behind the other. */
const addressFits = (address: Uint8Array, base: Uint8Array): boolean =>
  base.length === 2 * address.length &&
  address.every((byte, i) => (byte & base[address.length + i]!) === (base[i]! & base[address.length + i]!))
