import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { Target } from '../../wire/result.ts'
import { chainOf } from './explain-certificate.ts'
import { buildDiagnosis, buildOpenssl, buildRun, clean, fix, listFacts, placeOf, tlsKindOf } from './say.ts'
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
    fixes: fixChain(target),
    next: buildRun(target, tlsKindOf(result)),
  })
}

/**
 * A lone certificate whose issuer is neither sent nor trusted here: that issuer may be an unknown authority, or an intermediate that the server
 * should send. From here nobody can tell, unless the intermediate is held here.
 */
export const explainPerhapsIncomplete = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_untrusted'])
  const [leaf, ...others] = chainOf(seen)
  if (result === undefined || leaf === undefined || others.length > 0 || leaf.issuer === leaf.subject) return undefined
  const { target } = result
  const issuer = clean(leaf.issuer)
  return buildDiagnosis('chain_incomplete', {
    confidence: 'possible',
    summary: `${placeOf(target)} sends only its own certificate: if "${issuer}" is an intermediate, the server should send that too.`,
    evidence: [`the only certificate sent: ${clean(leaf.subject)}, issued by ${issuer}`, `nothing sent is "${issuer}"`],
    against: [`"${issuer}" may be a root of its own, which is not trusted here: then nothing is missing from the chain`],
    fixes: fixChain(target),
    next: buildRun(target, tlsKindOf(result)),
  })
}

const fixChain = (target: Target): Fix[] => [
  fix('check: where the issuer publishes its certificate', `${buildOpenssl(target)} | openssl x509 -noout -ext authorityInfoAccess`),
  fix('nginx, Envoy, HAProxy: leaf first, then the intermediates', 'cat leaf.pem intermediate.pem > fullchain.pem'),
  fix(
    'Kubernetes secret',
    'kubectl create secret tls SECRET --namespace NAMESPACE --cert=fullchain.pem --key=key.pem --dry-run=client --output yaml | kubectl apply -f -',
  ),
  fix(
    'AWS Certificate Manager',
    'aws acm import-certificate --certificate-arn CERTIFICATE_ARN --certificate fileb://leaf.pem --certificate-chain fileb://intermediate.pem --private-key fileb://key.pem',
  ),
]
