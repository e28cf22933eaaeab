import type { Diagnosis } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import { buildDiagnosis, buildOpenssl, buildRun, clean, fix, hostOf, listFacts, sayMs } from './say.ts'
import { acceptsEverything, openReason, type Seen, sayDetail } from './seen.ts'

const distrust: readonly FailReason[] = ['certificate_untrusted', 'chain_incomplete', 'certificate_name_mismatch']

/** What products that inspect TLS write into the issuer of the certificates they make on the fly. */
const inspectors =
  /zscaler|netskope|forti(gate|net)|palo ?alto|blue ?coat|symantec web|forcepoint|websense|umbrella|sophos|check ?point|barracuda|skyhigh|mcafee web|iboss|watchguard|sonicwall|gateway ca - cloudflare|mitmproxy|charles proxy|fiddler|squid|burp|kaspersky|eset ssl|avast web|menlo security/i

const listFixes = (seen: Seen) => {
  const { target } = seen
  return [
    fix(
      'FortiGate on the way: do not inspect this address',
      'config firewall ssl-ssh-profile\n  edit PROFILE\n    config ssl-exempt\n      edit 0\n        set type address\n        set address ADDRESS_OBJECT\n      next\n    end\n  next\nend',
    ),
    fix(
      'Palo Alto firewall on the way: do not decrypt this address',
      `set rulebase decryption rules no-decrypt from any to any source any destination ${target.address ?? 'ADDRESS'} action no-decrypt`,
    ),
    fix('check: whose certificate it is', buildOpenssl(target, '-showcerts')),
    fix("clients: trust the inspector's authority, where inspection is meant", 'NODE_EXTRA_CA_CERTS=inspector-ca.pem'),
  ]
}

/** The certificate was made by a product that inspects TLS: it ends here what should be end to end, and mTLS cannot work through it. */
export const explainInspection = (seen: Seen): Diagnosis | undefined => {
  const reason = openReason(seen, 'tls')
  const issuer = seen.tls?.measured.chain.map(certificate => certificate.issuer).find(name => inspectors.test(name))
  if (issuer === undefined || reason === undefined || !distrust.includes(reason)) return undefined
  return buildDiagnosis('tls_intercepted', {
    confidence: 'likely',
    summary: `Something on the way, not ${hostOf(seen.target)}, answers TLS: its certificate was issued by ${clean(issuer)}.`,
    evidence: listFacts(sayDetail(seen.tls), `issuer: ${clean(issuer)}`, sayNear(seen)),
    against: ['a device of that maker may really be the target, with its own certificate'],
    fixes: listFixes(seen),
    next: buildRun(seen.target, 'tls', '--evidence tls.json'),
  })
}

/** An answer from nearer than the host: the SYN comes back in less than half the time of an echo. */
const sayNear = ({ tcp, icmp }: Seen): string | undefined => {
  const syn = tcp?.measured.synRttMs ?? null
  const echo = icmp?.measured.rttMs?.min ?? null
  if (syn === null || echo === null || syn >= echo / 2 || echo - syn < 2) return undefined
  return `TCP answers after ${sayMs(syn)}, the host itself (ping) after ${sayMs(echo)}: something nearer answers TCP`
}

/** A wrong certificate from something nearer than the host. No more than a hint: balancers and CDNs end TCP near the client too. */
export const explainNearAnswer = (seen: Seen): Diagnosis | undefined => {
  const reason = openReason(seen, 'tls')
  const near = sayNear(seen)
  if (near === undefined || reason === undefined || !distrust.includes(reason) || acceptsEverything(seen.tcp)) return undefined
  return buildDiagnosis('tls_intercepted', {
    confidence: 'possible',
    summary: `Something nearer than ${hostOf(seen.target)} may answer TLS in its place, with a certificate that does not fit.`,
    evidence: listFacts(near, sayDetail(seen.tls)),
    against: ['balancers and content networks end TCP near the client on purpose', 'some hosts answer ping more slowly than TCP'],
    fixes: listFixes(seen),
    next: buildRun(seen.target, 'tls', '--evidence tls.json'),
  })
}
