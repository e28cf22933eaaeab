import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { Target } from '../../wire/result.ts'
import { fixPort } from './fix-port.ts'
import { buildDiagnosis, buildRun, capital, clean, fix, hostOf, listFacts, placeOf, sayMs, sayPercent, sayPort, tlsKindOf } from './say.ts'
import {
  acceptsEverything,
  findOpen,
  isOk,
  isStalledTransfer,
  openReason,
  reasonOf,
  type Seen,
  sayDetail,
  sayOutage,
  sayRole,
} from './seen.ts'

const answersEcho = (seen: Seen): string | false => {
  const icmp = seen.icmp?.measured
  return icmp !== undefined && icmp.received > 0 && `${icmp.received} of ${icmp.sent} echoes came back: the host is up`
}

const fixListener = (target: Target): Fix[] => [
  fix('the target host: does anything listen there?', `ss -ltnp 'sport = :${target.port ?? 'PORT'}'`),
  fix('Kubernetes: has the service any endpoint?', `kubectl get endpointslices --all-namespaces | grep -w ${target.port ?? 'PORT'}`),
]

/** The SYN was answered with RST: the host is reached, and nothing listens (RFC 9293 §3.10.7.1). */
export const explainClosedPort = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['tcp_refused'])
  if (result === undefined || isOk(seen.tcp)) return undefined
  const { target } = result
  return buildDiagnosis('port_closed', {
    confidence: 'certain',
    summary: `${capital(sayPort(target))} of ${hostOf(target)}${sayRole(seen, result)} is closed: the host answers, and nothing listens there.`,
    evidence: listFacts(sayDetail(result), answersEcho(seen), sayOutage(result)),
    against: listFacts(
      'a firewall that rejects instead of dropping answers in the same way',
      openReason(seen, 'icmp') === 'no_reply' && 'the host does not answer ping, so a firewall may have answered in its place',
    ),
    fixes: fixListener(target),
    next: buildRun(target, 'tcp'),
  })
}

const listFilterEvidence = (seen: Seen): string[] => {
  const control = seen.tcp?.measured.control?.filter(({ accepted }) => accepted).map(({ port }) => port) ?? []
  return listFacts(
    sayDetail(findOpen(seen, ['tcp_timeout', 'admin_prohibited'])),
    answersEcho(seen),
    control.length > 0 && `other ports of it accept: ${control.join(', ')}`,
  )
}

/** The host answers and the port stays silent, or a filter says so itself (ICMP type 3 code 9, 10, 13: RFC 1812 §5.2.7.1). */
export const explainFilteredPort = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['tcp_timeout', 'admin_prohibited'])
  if (result === undefined || isOk(seen.tcp) || isStalledTransfer(seen.tcp)) return undefined
  const { target } = result
  const { icmp } = seen
  const said = reasonOf(result) === 'admin_prohibited'
  const alive = (icmp?.measured.received ?? 0) > 0
  const where = alive ? ', although the host answers ping' : ''
  const what = result.kind === 'icmp' ? 'Ping to' : `${capital(sayPort(target))} of`
  return buildDiagnosis('port_filtered', {
    confidence: said ? 'certain' : alive ? 'likely' : 'possible',
    summary: said
      ? `${what} ${hostOf(target)} is blocked: a filter on the way says that this traffic is not allowed.`
      : `${capital(sayPort(target))} of ${hostOf(target)}${sayRole(seen, result)} does not answer${where}: a firewall or security group drops the connection.`,
    evidence: listFacts(...listFilterEvidence(seen), sayOutage(result)),
    against: listFacts(
      !said && 'silence is not proof: a host whose queue of connections is full drops SYNs too',
      !said &&
        !alive &&
        (icmp === undefined || icmp.outcome.kind === 'unmeasured') &&
        'ping was not measured: a host that is down looks the same',
      alive && icmp!.measured.lossRatio > 0 && `loss of ${sayPercent(icmp!.measured.lossRatio)} was seen too`,
    ),
    fixes: fixPort(target),
    next: buildRun(target, 'tcp'),
  })
}

/** Connections come up and are reset at once, or in the middle of the handshake. */
export const explainReset = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['tcp_reset', 'tls_reset'])
  if (result === undefined) return undefined
  const { target } = result
  const tls = seen.tls?.measured
  const inTls = reasonOf(result) === 'tls_reset'
  return buildDiagnosis('connection_reset', {
    confidence: 'certain',
    summary: inTls
      ? `${placeOf(target)} accepts connections and breaks them off during the TLS handshake, without saying why.`
      : `${placeOf(target)} resets connections.`,
    evidence: listFacts(
      sayDetail(result),
      inTls && tls !== undefined && `${tls.bytesSent} bytes sent, ${tls.bytesReceived} received before the end`,
      inTls && tls !== undefined && tls.sni !== null && `server name asked for: ${clean(tls.sni)}`,
    ),
    against: listFacts(
      inTls &&
        'what breaks it off is not visible from here: a balancer without a backend, a firewall that dislikes the server name, or the service',
      seen.mtu !== undefined && isOk(seen.mtu) && 'packets of the sizes that TCP sends do pass: it is no matter of size',
    ),
    fixes: [
      fix('balancer: has it any healthy backend? AWS', 'aws elbv2 describe-target-health --target-group-arn TARGET_GROUP_ARN'),
      fix(
        'balancer: has it any healthy backend? Azure',
        'az network application-gateway show-backend-health --resource-group GROUP --name GATEWAY',
      ),
      fix('balancer: has it any healthy backend? GCP', 'gcloud compute backend-services get-health BACKEND_SERVICE --global'),
      fix('Istio: does the gateway know this server name?', 'istioctl proxy-config listeners GATEWAY_POD.NAMESPACE'),
    ],
    next: inTls ? buildRun(target, tlsKindOf(result), '--sni SERVER_NAME') : buildRun(target, 'tcp'),
  })
}

/** Ports on which nothing should listen accept too: something on the way takes every connection, so that an open port proves nothing. */
export const explainSidecar = (seen: Seen): Diagnosis | undefined => {
  const { tcp, icmp, tls, target, results } = seen
  const local = results.find(({ outcome }) => outcome.kind === 'unmeasured' && outcome.reason === 'local_interception')
  if (!acceptsEverything(tcp) && local === undefined) return undefined
  const ports = tcp?.measured.control?.map(({ port }) => port) ?? []
  const syn = tcp?.measured.synRttMs ?? null
  const echo = icmp?.measured.rttMs?.min ?? null
  return buildDiagnosis('sidecar_answers_every_port', {
    confidence: ports.length > 1 ? 'certain' : 'likely',
    summary: `A proxy on the way, probably a sidecar here, accepts every connection to ${hostOf(target)}, so an open port proves nothing.`,
    evidence: listFacts(
      ports.length > 0 && `port${ports.length > 1 ? 's' : ''} ${ports.join(', ')}, where nothing should listen, accepted`,
      local !== undefined && sayDetail(local),
      syn !== null && echo !== null && syn < echo / 2 && `TCP answers after ${sayMs(syn)}, the host itself (ping) after ${sayMs(echo)}`,
      openReason(seen, 'tls') !== undefined && `behind the open port TLS fails: ${sayDetail(tls)}`,
    ),
    against: listFacts(
      isOk(tls) && 'TLS completes with the certificate of the target, so the service itself does answer',
      ports.length === 1 && 'one port only: something may really listen on it',
    ),
    fixes: [
      fix(
        'Istio: leave the probed port out of the sidecar (pod annotation)',
        `traffic.sidecar.istio.io/excludeOutboundPorts: "${target.port ?? 443}"`,
      ),
      fix('Istio: no sidecar for the prober (pod label)', 'sidecar.istio.io/inject: "false"'),
      fix('Linkerd: leave the probed port out (pod annotation)', `config.linkerd.io/skip-outbound-ports: "${target.port ?? 443}"`),
    ],
    next: buildRun(target, 'tls'),
  })
}
