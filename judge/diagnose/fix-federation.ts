import type { Fix } from '../../wire/causes.ts'
import { fix } from './say.ts'

/** A trust domain that may stand in a command: its own characters only (SPIFFE-ID §2.1), else a placeholder. */
export const shellDomain = (trustDomain: string | undefined): string =>
  trustDomain !== undefined && /^[a-z0-9._-]+$/.test(trustDomain) ? trustDomain : 'TRUST_DOMAIN'

/**
 * Bringing the bundle of a trust domain over to whoever lacks it: by hand at once, and so that it stays in step. `holder` says on whose server.
 * Only names that may stand in a shell are put into commands.
 */
export const fixFederation = (trustDomain: string | undefined, holder = 'our SPIRE server'): Fix[] => {
  const domain = shellDomain(trustDomain)
  return [
    fix(`${holder}, at once: fetch the bundle of ${domain}`, `spire-server federation refresh -id spiffe://${domain}`),
    fix(
      `by hand, from the SPIRE server of ${domain} to ${holder}`,
      `spire-server bundle show -format spiffe > bundle.json && spire-server bundle set -format spiffe -id spiffe://${domain} -path bundle.json`,
    ),
    fix(`${holder}: is the relationship there?`, 'spire-server federation list'),
    fix(
      'SPIRE controller manager of the same side: the entries must say so too',
      'kubectl get clusterspiffeids,clusterfederatedtrustdomains --output yaml | grep -n -A3 federatesWith',
    ),
  ]
}
