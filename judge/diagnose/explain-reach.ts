import type { Confidence, Diagnosis, Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Target } from '../../wire/result.ts'
import { sayTraced } from './explain-trace.ts'
import { fixIcmp } from './fix-mtu.ts'
import { buildDiagnosis, buildRun, clean, fix, hostOf, listFacts, placeOf, sayPort } from './say.ts'
import { findOpen, isIpv6, openReason, reasonOf, type Seen, sayDetail, tcpWorks, warned } from './seen.ts'

const routed: readonly FailReason[] = ['host_unreachable', 'network_unreachable', 'ttl_exceeded']
const answered: readonly FailReason[] = ['tcp_refused', 'tcp_reset', 'tls_reset', 'admin_prohibited']

const saySummary = (reason: FailReason, target: Target, tcpTried: boolean): string => {
  const host = hostOf(target)
  if (reason === 'network_unreachable')
    return `There is no route from here to ${host}: its network is not announced, or a route table lacks it.`
  if (reason === 'ttl_exceeded') return `Packets to ${host} circle until they die: two routers send them to each other.`
  if (reason === 'host_unreachable') return `A router says that ${host} cannot be reached: the host is down, or gone from that network.`
  if (tcpTried)
    return `Nothing of ${host} answers, neither ping nor ${sayPort(target)}: the host is down, or everything on the way to it is dropped.`
  return `${host} does not answer ping: it is down, or ICMP is dropped on the way.`
}

const buildFixes = (target: Target): Fix[] => {
  const address = target.address ?? 'ADDRESS'
  const length = isIpv6(target) ? 128 : 32
  return [
    fix('this machine: which route is used', `ip ${isIpv6(target) ? '-6 ' : ''}route get ${address}`),
    fix(
      'AWS: who has the address, and in which state',
      `aws ec2 describe-network-interfaces --filters Name=${isIpv6(target) ? 'ipv6-addresses.ipv6-address' : 'addresses.private-ip-address'},Values=${address}`,
    ),
    fix(
      'AWS: a route to the other cloud',
      `aws ec2 create-route --route-table-id ROUTE_TABLE --${isIpv6(target) ? 'destination-ipv6-cidr-block' : 'destination-cidr-block'} ${address}/${length} --transit-gateway-id TRANSIT_GATEWAY`,
    ),
    fix(
      'Azure: which next hop a VM uses',
      `az network watcher show-next-hop --resource-group GROUP --vm VM --source-ip SOURCE_ADDRESS --dest-ip ${address}`,
    ),
    fix('GCP: which routes the network has', 'gcloud compute routes list --filter="network=NETWORK"'),
  ]
}

/** Nothing of the host answers. ICMP alone decides it only where TCP was not tried; silence is never more than `likely`. */
export const explainHostDown = (seen: Seen): Diagnosis | undefined => {
  const { target, results, icmp, tcp } = seen
  if (tcpWorks(results) || tcp?.outcome.kind === 'ok' || findOpen(seen, answered) !== undefined) return undefined
  const said = findOpen(seen, routed)
  const noSyn = findOpen(seen, ['tcp_timeout'])
  const noEcho = openReason(seen, 'icmp') === 'no_reply' ? icmp : undefined
  if (said === undefined && noEcho === undefined) return undefined
  if ((icmp?.measured.received ?? 0) > 0) return undefined
  const confidence: Confidence = said !== undefined ? 'certain' : noSyn !== undefined ? 'likely' : 'possible'
  const from = icmp?.measured.error?.from
  return buildDiagnosis('host_down', {
    confidence,
    summary: saySummary(reasonOf(said) ?? 'no_reply', target, noSyn !== undefined),
    evidence: listFacts(
      said !== undefined && sayDetail(said),
      said !== undefined && from !== undefined && `${clean(from)} said so`,
      noEcho !== undefined && icmp !== undefined && icmp.measured.sent > 0 && `${icmp.measured.sent} echoes sent, none came back`,
      noEcho !== undefined && `ping: ${sayDetail(noEcho)}`,
      noSyn !== undefined && `${sayPort(target)}: ${sayDetail(noSyn)}`,
      sayTraced(seen),
    ),
    against: listFacts(
      said === undefined && 'silence is not proof: a firewall that drops everything looks the same',
      said === undefined && noSyn === undefined && 'many hosts and balancers never answer ping; no port was tried',
      tcp?.outcome.kind === 'unmeasured' && `TCP was not measured: ${sayDetail(tcp)}`,
    ),
    fixes: buildFixes(target),
    next: noSyn === undefined && target.port === undefined ? `${buildRun(target)}:443` : buildRun(target, 'icmp', '--count 20'),
  })
}

const echoless: readonly FailReason[] = ['no_reply', 'admin_prohibited', ...routed]

/** Echoes are not answered and TCP works: a warning, since many balancers and NAT gateways never answer ICMP. */
export const explainFilteredIcmp = (seen: Seen): Diagnosis | undefined => {
  const { target, icmp, results, mtu } = seen
  const reason = openReason(seen, 'icmp')
  const silent = warned(icmp, 'icmp_filtered') || (reason !== undefined && echoless.includes(reason))
  if (!silent || !tcpWorks(results)) return undefined
  const prohibited = icmp?.measured.error
  const detail = sayDetail(icmp) || clean(icmp?.warnings.find(({ code }) => code === 'icmp_filtered')?.detail ?? '')
  return buildDiagnosis('icmp_filtered', {
    confidence: prohibited === undefined ? 'likely' : 'certain',
    summary: `${hostOf(target)} does not answer ping although TCP works, so ping says nothing here.`,
    evidence: listFacts(
      icmp !== undefined && icmp.measured.sent > 0 && `${icmp.measured.sent} echoes sent, ${icmp.measured.received} came back`,
      detail,
      prohibited !== undefined && `${clean(prohibited.from)} refuses them (ICMP type ${prohibited.type} code ${prohibited.code})`,
      `TCP to ${placeOf(target)} works`,
    ),
    against: listFacts(
      'many balancers and NAT gateways never answer ICMP: this need not be a fault',
      mtu?.measured.forward.signal === 'packet_too_big' && 'packet-too-big messages do arrive, so ICMP errors pass',
    ),
    fixes: fixIcmp(target),
    next: buildRun(target, 'mtu'),
  })
}
