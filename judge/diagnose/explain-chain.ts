import type { Diagnosis } from '../../wire/causes.ts'
import { chainOf } from './explain-certificate.ts'
import { addressOf, buildDiagnosis, buildRun, clean, fix, hostOf, listFacts, placeOf } from './say.ts'
import { findOpen, type Seen, sayDetail } from './seen.ts'

/**
 * An intermediate is missing from what the server sends. TLS leaves only the root out (RFC 8446 §4.4.2), so the issuer of the last one sent
 * is what is missing, unless a gap comes earlier.
 */
export const explainIncompleteChain = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['chain_incomplete'])
  if (result === undefined) return undefined
  const { target } = result
  const chain = chainOf(seen)
  const subjects = new Set(chain.map(({ subject }) => subject))
  const orphan = chain.find(({ issuer }) => !subjects.has(issuer))
  const place = addressOf(target)
  const missing = orphan === undefined ? 'an intermediate certificate' : `the intermediate certificate "${clean(orphan.issuer)}"`
  return buildDiagnosis('chain_incomplete', {
    confidence: orphan === undefined ? 'likely' : 'certain',
    summary: `${placeOf(target)} does not send ${missing}, so clients that do not hold it already cannot verify the server.`,
    evidence: listFacts(
      sayDetail(result),
      ...chain.map(
        ({ subject, issuer }, index) => `certificate ${index + 1} of ${chain.length} sent: ${clean(subject)}, issued by ${clean(issuer)}`,
      ),
      orphan !== undefined && `nothing sent is "${clean(orphan.issuer)}"`,
    ),
    against: ['browsers and some clients fetch or remember intermediates, so that it works for them'],
    fixes: [
      fix(
        'check: where the issuer publishes its certificate',
        `openssl s_client -connect ${place} -servername ${hostOf(target)} </dev/null | openssl x509 -noout -ext authorityInfoAccess`,
      ),
      fix('nginx, Envoy, HAProxy: leaf first, then the intermediates', 'cat leaf.pem intermediate.pem > fullchain.pem'),
      fix(
        'Kubernetes secret',
        'kubectl create secret tls SECRET --namespace NAMESPACE --cert=fullchain.pem --key=key.pem --dry-run=client --output yaml | kubectl apply -f -',
      ),
      fix(
        'AWS Certificate Manager',
        'aws acm import-certificate --certificate-arn CERTIFICATE_ARN --certificate fileb://leaf.pem --certificate-chain fileb://intermediate.pem --private-key fileb://key.pem',
      ),
    ],
    next: buildRun(target, 'tls'),
  })
}
