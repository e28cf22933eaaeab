import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Target } from '../../wire/result.ts'
import { addressOf, buildDiagnosis, buildRun, clean, fix, listFacts, placeOf, tlsKindOf } from './say.ts'
import { findOpen, isOk, reasonOf, type Seen, sayDetail } from './seen.ts'

/** Services that begin in clear text, by well-known port; the value is OpenSSL's name for the upgrade. */
const startTls: Record<number, string> = {
  21: 'ftp',
  25: 'smtp',
  110: 'pop3',
  143: 'imap',
  389: 'ldap',
  587: 'smtp',
  3306: 'mysql',
  5432: 'postgres',
}

/** Whether sizes can still be the reason, by what is known of the way back: an answer that is lost looks like an answer that is not given. */
const saySizes = ({ mtu }: Seen): string => {
  const reverse = mtu?.measured.reverse.pathMtu ?? null
  if (isOk(mtu) && reverse !== null) return `packets up to ${reverse} bytes get back from it, so a lost answer is no likely reason`
  const echo = mtu?.measured.echoMtu ?? null
  if (echo !== null) return `only echoes of up to ${echo} bytes are known to pass: a lost answer cannot be ruled out`
  return 'the way back was not measured for large packets: an answer that is lost looks the same'
}

/** The port accepts, takes our ClientHello, and the service says nothing. */
export const explainSilence = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['tls_timeout'])
  if (result === undefined) return undefined
  const { target } = result
  const tls = seen.tls?.measured
  const received = tls?.bytesReceived ?? 0
  const acked = tls?.stall?.bytesAcked ?? 0
  return buildDiagnosis('service_silent', {
    confidence: acked > 0 || isOk(seen.mtu) ? 'likely' : 'possible',
    summary:
      received === 0
        ? `${placeOf(target)} accepts the connection and then says nothing: the service behind the port does not answer.`
        : `${placeOf(target)} stops answering after ${received} bytes, in the middle of the TLS handshake.`,
    evidence: listFacts(
      sayDetail(result),
      tls !== undefined && `${tls.bytesSent} bytes sent, ${received} received`,
      acked > 0 && `our ${acked} bytes were acknowledged, so they arrived`,
    ),
    against: listFacts(saySizes(seen), 'a service that waits for another protocol (not TLS) also says nothing'),
    fixes: [
      fix('the target host: is the service stuck? Connections waiting to be accepted', `ss -ltn 'sport = :${target.port ?? 'PORT'}'`),
      fix('balancer: has it any healthy backend? AWS', 'aws elbv2 describe-target-health --target-group-arn TARGET_GROUP_ARN'),
      fix('Kubernetes: logs of the service', 'kubectl logs --namespace NAMESPACE deployment/DEPLOYMENT --since=10m'),
    ],
    next: buildRun(target, 'tcp'),
  })
}

const fixPlain = (target: Target): Fix[] => {
  const upgrade = startTls[target.port ?? 0]
  return listOf(
    upgrade !== undefined &&
      fix(`check: TLS after STARTTLS (${upgrade})`, `openssl s_client -starttls ${upgrade} -connect ${addressOf(target)}`),
    fix('check: does it speak HTTP in clear text?', `curl -sv -m 5 http://${addressOf(target)}/`),
    fix(
      'Istio: make the service speak mTLS',
      'kubectl label namespace NAMESPACE istio-injection=enabled && kubectl rollout restart deployment --namespace NAMESPACE',
    ),
  )
}

const listOf = (...items: (Fix | false)[]): Fix[] => items.filter(item => item !== false)

/** What came back is not TLS: the path is fine, the expectation or the service is not. */
export const explainNotTls = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['not_tls'])
  if (result === undefined) return undefined
  const { target } = result
  return buildDiagnosis('not_tls', {
    confidence: 'certain',
    summary: `${placeOf(target)} answers, but not with TLS: the service there speaks another protocol, perhaps clear text.`,
    evidence: listFacts(sayDetail(result)),
    against: listFacts(
      startTls[target.port ?? 0] !== undefined && `port ${target.port} usually begins in clear text and switches to TLS afterwards`,
    ),
    fixes: fixPlain(target),
    next: buildRun(target, 'tcp'),
  })
}

/** TLS alerts by number (RFC 8446 §6; 120: RFC 7301 §3.2). */
const alerts: Record<number, string> = {
  40: 'handshake_failure: no cipher or parameter in common',
  47: 'illegal_parameter',
  70: 'protocol_version: no TLS version in common',
  71: 'insufficient_security: our ciphers are too weak for it',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  109: 'missing_extension',
  112: 'unrecognized_name: it does not know this server name',
  120: 'no_application_protocol: it speaks none of the protocols offered',
}

const sayRefused = (reason: FailReason, target: Target): string =>
  reason === 'sni_or_alpn_rejected'
    ? `${placeOf(target)} refuses the server name or the application protocol that was asked for.`
    : `${placeOf(target)} and this client have no TLS version or cipher in common.`

/** Both sides speak TLS and find nothing in common. */
export const explainPolicy = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['tls_version_or_cipher', 'sni_or_alpn_rejected'])
  if (result === undefined) return undefined
  const { target } = result
  const tls = seen.tls?.measured
  const alert = tls?.alert
  return buildDiagnosis('tls_policy_mismatch', {
    confidence: alert !== undefined && alert !== 80 ? 'certain' : 'likely',
    summary: sayRefused(reasonOf(result)!, target),
    evidence: listFacts(
      sayDetail(result),
      alert !== undefined && `it sent alert ${alert}${alerts[alert] === undefined ? '' : `, ${alerts[alert]}`}`,
      tls !== undefined && tls.sni !== null && `server name asked for: ${clean(tls.sni)}`,
      tls !== undefined && tls.alpn !== null && `application protocol: ${clean(tls.alpn)}`,
    ),
    against: listFacts(
      alert === undefined && 'no alert came that would say which of them it is',
      alert === 40 && 'servers also send alert 40 for an unknown server name',
    ),
    fixes: [
      fix(
        'check: which versions and ciphers it takes',
        `nmap --script ssl-enum-ciphers -p ${target.port ?? 443} ${target.address ?? 'ADDRESS'}`,
      ),
      fix(
        'AWS load balancer: a newer policy',
        'aws elbv2 modify-listener --listener-arn LISTENER_ARN --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06',
      ),
      fix(
        'Azure Application Gateway: a newer policy',
        'az network application-gateway ssl-policy set --resource-group GROUP --gateway-name GATEWAY --policy-type Predefined --name AppGwSslPolicy20220101',
      ),
      fix('GCP load balancer: a newer policy', 'gcloud compute ssl-policies update POLICY --profile=MODERN --min-tls-version=1.2'),
      fix('Istio gateway: the server names it knows', 'kubectl get gateways.networking.istio.io --all-namespaces --output yaml'),
    ],
    next: buildRun(target, tlsKindOf(result), reasonOf(result) === 'sni_or_alpn_rejected' ? '--sni SERVER_NAME --alpn PROTOCOL' : ''),
  })
}

/** The server wants to know who we are, and we have not said it, or it did not believe it (alerts 42–49, 116: RFC 8446 §6.2). */
export const explainClientAuth = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['client_cert_required', 'client_cert_rejected', 'client_cert_rejected_silent'])
  if (result === undefined) return undefined
  const { target } = result
  const reason = reasonOf(result)!
  const silent = reason === 'client_cert_rejected_silent'
  const missing = reason === 'client_cert_required'
  const alert = seen.tls?.measured.alert
  return buildDiagnosis('peer_rejects_our_identity', {
    confidence: silent ? 'likely' : 'certain',
    summary: missing
      ? `${placeOf(target)} demands a client certificate, and none was sent.`
      : `${placeOf(target)} refuses our client certificate${silent ? ' without saying why' : ''}.`,
    evidence: listFacts(sayDetail(result), alert !== undefined && `it sent alert ${alert}`),
    against: listFacts(silent && 'it hung up without an alert: something else may have ended the connection'),
    fixes: listOf(
      missing && fix('this command: give it a certificate', buildRun(target, tlsKindOf(result), '--cert client.pem --key client.key')),
      fix('check: which authorities it accepts', `openssl s_client -connect ${addressOf(target)} -showcerts`),
    ),
    next: buildRun(target, tlsKindOf(result), '--cert client.pem --key client.key'),
  })
}
