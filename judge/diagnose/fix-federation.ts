import type { Fix } from '../../wire/causes.ts'
import { fix } from './say.ts'

/** A trust domain that may stand in a command: its own characters only (SPIFFE-ID §2.1), else a placeholder. */
export const shellDomain = (trustDomain: string | undefined): string =>
  trustDomain !== undefined && /^[a-z0-9._-]+$/.test(trustDomain) ? trustDomain : 'TRUST_DOMAIN'

/** Bringing a bundle over: by hand at once, and so that it stays in step. Only names that may stand in a shell are put into commands. */
export const fixFederation = (trustDomain: string | undefined): Fix[] => {
  const domain = shellDomain(trustDomain)
  return [
    fix('SPIRE server, at once', `spire-server federation refresh -id spiffe://${domain}`),
    fix(
      'SPIRE server, by hand: from the one that publishes to the one that lacks it',
      `spire-server bundle show -format spiffe > bundle.json && spire-server bundle set -format spiffe -id spiffe://${domain} -path bundle.json`,
    ),
    fix('SPIRE server: is the relationship there?', 'spire-server federation list'),
    fix(
      'SPIRE controller manager: the entries must say so too',
      'kubectl get clusterspiffeids,clusterfederatedtrustdomains --output yaml | grep -n -A3 federatesWith',
    ),
  ]
}
