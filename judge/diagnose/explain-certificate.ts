import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { CertificateFacts, TlsMeasured } from '../../wire/measured.ts'
import type { AnyResult, Target } from '../../wire/result.ts'
import { sayDuration } from '../../wire/say-duration.ts'
import { fixCertificate } from './fix-renewal.ts'
import { buildDiagnosis, buildOpenssl, buildRun, clean, fix, listFacts, placeOf, sayList, tlsKindOf } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

const isSelfSigned = ({ subject, issuer }: CertificateFacts): boolean => subject === issuer

/** Which certificate of the chain, in words. */
export const sayPlace = (chain: readonly CertificateFacts[], index: number): string => {
  if (index === 0) return "the server's own certificate"
  return isSelfSigned(chain[index]!) ? 'the root certificate' : 'the intermediate certificate'
}

const handshakesOf = ({ tls, mtls, http }: Seen): TlsMeasured[] =>
  [tls?.measured, mtls?.measured, http?.measured.tls].filter(one => one !== undefined && one !== null)

/** As the server sent it: the same in every handshake. */
export const chainOf = (seen: Seen): readonly CertificateFacts[] => handshakesOf(seen).find(({ chain }) => chain?.length > 0)?.chain ?? []

const fixRenewal = ({ target }: Seen, intermediate: boolean): Fix[] => [
  ...fixCertificate(intermediate),
  fix('check: what is served', `${buildOpenssl(target, '-showcerts')} | openssl x509 -noout -dates -subject`),
]

/** A certificate of the chain is past its end (RFC 5280 §4.1.2.5), and by more than a wrong clock explains. */
export const explainExpired = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_expired'])
  if (result === undefined) return undefined
  const { target } = result
  const chain = chainOf(seen)
  const now = Date.parse(seen.startedAt)
  const past = chain
    .map((certificate, index) => ({ certificate, index, lateMs: now - Date.parse(certificate.notAfter) }))
    .filter(({ lateMs }) => lateMs > 0)
  const first = past[0]
  return buildDiagnosis('certificate_expired', {
    confidence: first === undefined ? 'likely' : 'certain',
    summary:
      first === undefined
        ? `A certificate that ${placeOf(target)} sends has expired.`
        : `${placeOf(target)} is refused because ${sayPlace(chain, first.index)} (${clean(first.certificate.subject)}) expired ${sayDuration(first.lateMs)} ago.`,
    evidence: listFacts(
      sayDetail(result),
      ...past.map(
        ({ certificate, index }) => `${sayPlace(chain, index)}, ${clean(certificate.subject)}: valid until ${clean(certificate.notAfter)}`,
      ),
      past.length > 0 && `this machine's clock: ${clean(seen.startedAt)}`,
    ),
    against: listFacts(
      first === undefined && 'no certificate of the chain as sent is past its end: the expired one may be the authority trusted here',
      chain.length > 1 &&
        past.length === chain.length &&
        'every certificate of the chain has expired: the clock of this machine may be wrong instead',
    ),
    fixes: fixRenewal(seen, first !== undefined && first.index > 0),
    next: buildRun(target, tlsKindOf(result)),
  })
}

const sayNames = (names: readonly string[]): string =>
  names.length === 0
    ? 'no name at all'
    : sayList(names.length > 5 ? [...names.slice(0, 5).map(clean), `${names.length - 5} more`] : names.map(clean))

/** The certificate is good and for another name (RFC 9525 §6). */
export const explainNameMismatch = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_name_mismatch'])
  if (result === undefined) return undefined
  const { target } = result
  const sans = chainOf(seen)[0]?.sans ?? []
  const wanted = clean(handshakesOf(seen).find(({ sni }) => sni)?.sni ?? target.host)
  return buildDiagnosis('certificate_name_mismatch', {
    confidence: 'certain',
    summary: `The certificate of ${placeOf(target)} is for ${sayNames(sans)}, not for ${wanted}.`,
    evidence: listFacts(sayDetail(result), `name wanted: ${wanted}`, `names in the certificate: ${sayNames(sans)}`),
    against: listFacts('a server that holds several certificates chooses by the server name: another one may get the right certificate'),
    fixes: [
      fix(
        'Kubernetes, cert-manager: add the name to the certificate',
        `kubectl patch certificate --namespace NAMESPACE CERTIFICATE --type json -p '[{"op":"add","path":"/spec/dnsNames/-","value":"NAME"}]'`,
      ),
      fix(
        'Istio gateway: choose the certificate by server name',
        'servers: [{ hosts: ["NAME"], tls: { mode: SIMPLE, credentialName: SECRET } }]',
      ),
      fix('clients: ask for a name that the certificate has', buildRun(target, tlsKindOf(result), '--sni NAME')),
    ],
    next: buildRun(target, tlsKindOf(result), '--sni NAME'),
  })
}

/** The certificates do not even fit: OpenSSL takes 100 kB of them (SSL_CTX_set_max_cert_list). Whether they could be trusted nobody has looked at. */
export const explainOversized = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_untrusted'])
  if (result === undefined || chainOf(seen).length > 0 || !/larger than OpenSSL accepts/.test(sayDetail(result))) return undefined
  const { target } = result
  return buildDiagnosis('certificate_untrusted', {
    confidence: 'certain',
    summary: `${placeOf(target)} sends more than 100 kB of certificates, which OpenSSL and most other clients refuse to read.`,
    evidence: [sayDetail(result)],
    against: ['a client with a higher limit gets further; whether it would trust the chain is not known'],
    fixes: [
      fix('the server: send the leaf and its intermediates, nothing else', 'cat leaf.pem intermediate.pem > fullchain.pem'),
      fix('the issuer: fewer names in one certificate', 'openssl x509 -in leaf.pem -noout -ext subjectAltName | wc -c'),
    ],
    next: buildRun(target, tlsKindOf(result)),
  })
}

/** No path to an authority that is trusted here, or one that was revoked. */
export const explainUntrusted = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_untrusted', 'certificate_revoked'])
  if (result === undefined) return undefined
  const { target } = result
  const chain = chainOf(seen)
  const issuer = clean(chain.at(-1)?.issuer ?? 'an unknown authority')
  const self = chain.length === 1 && isSelfSigned(chain[0]!)
  const revoked = reasonOf(result) === 'certificate_revoked'
  const lone = chain.length === 1 && !self && !revoked
  const error = clean(handshakesOf(seen).find(({ verifyError }) => verifyError)?.verifyError ?? '')
  const why = self ? 'it signed it itself' : `it comes from ${issuer}, which is not trusted here`
  return buildDiagnosis('certificate_untrusted', {
    confidence: lone ? 'likely' : 'certain',
    summary: revoked
      ? `The certificate of ${placeOf(target)} has been revoked by its authority.`
      : `The certificate of ${placeOf(target)} is not trusted: ${why}.`,
    evidence: listFacts(
      sayDetail(result),
      !sayDetail(result).includes(error) && error,
      ...chain.map(
        (certificate, index) => `${sayPlace(chain, index)}: ${clean(certificate.subject)}, issued by ${clean(certificate.issuer)}`,
      ),
    ),
    against: listFacts(
      !revoked && !self && 'a private authority may be right here, and only missing from what this command trusts',
      lone && `the server sends no other certificate: if ${issuer} is an intermediate, what is missing is in its chain`,
    ),
    fixes: revoked ? fixRenewal(seen, false) : fixTrust(result, chain),
    next: buildRun(target, tlsKindOf(result), revoked ? '' : '--ca authority.pem'),
  })
}

/** The last certificate that `openssl s_client -showcerts` shows: the nearest to the authority, or the authority itself. */
const lastOf = `awk '/BEGIN CERT/{one=""} {one=one $0 "\\n"} /END CERT/{last=one} END{printf "%s", last}'`

/** Whoever trusts what a server sends trusts whoever answers: a fingerprint is to be compared first. Roots are seldom sent (RFC 8446 §4.4.2). */
const fixAuthority = (target: Target, chain: readonly CertificateFacts[]): Fix => {
  const last = chain.at(-1)
  const shown = `${buildOpenssl(target, '-showcerts')} | ${lastOf}`
  return last !== undefined && isSelfSigned(last)
    ? fix(
        'where to get the authority: the server sends it; have its owner confirm the fingerprint',
        `${shown} | tee authority.pem | openssl x509 -noout -subject -fingerprint -sha256`,
      )
    : fix(
        'which authority to get: its name, and where it is published if the certificate says so',
        `${shown} | openssl x509 -noout -issuer -ext authorityInfoAccess`,
      )
}

const fixTrust = (result: AnyResult, chain: readonly CertificateFacts[]): Fix[] => [
  fixAuthority(result.target, chain),
  fix(
    'where to get it in Kubernetes: the secret of cert-manager that the server serves',
    "kubectl get secret --namespace NAMESPACE SECRET --output jsonpath='{.data.ca\\.crt}' | base64 -d > authority.pem",
  ),
  fix('this command: trust the private authority', buildRun(result.target, tlsKindOf(result), '--ca authority.pem')),
  fix(
    'Debian, Ubuntu: trust it on the machine',
    'cp authority.pem /usr/local/share/ca-certificates/authority.crt && update-ca-certificates',
  ),
  fix(
    'where to get it at AWS Private CA',
    'aws acm-pca get-certificate-authority-certificate --certificate-authority-arn ARN --query Certificate --output text > authority.pem',
  ),
  fix('Node clients', 'NODE_EXTRA_CA_CERTS=authority.pem'),
  fix('Kubernetes, trust-manager: which authorities are handed out', 'kubectl get bundles.trust.cert-manager.io'),
]
