import type { Diagnosis, Fix } from '../../wire/causes.ts'
import { type UnmeasuredReason, unmeasuredReasonTexts } from '../../wire/reasons.ts'
import type { AnyResult, Target } from '../../wire/result.ts'
import { buildDiagnosis, buildRun, fix, hostOf, listFacts, sayList } from './say.ts'
import { isIpv6, type Seen, sayDetail } from './seen.ts'

type LocalReason = Extract<UnmeasuredReason, `local_${string}`>

/** `ping_group_range` opens unprivileged ICMP sockets (Linux icmp(7)); for a pod it is a safe sysctl since Kubernetes 1.18. */
const permissionFixes = (): Fix[] => [
  fix('this machine: let every group send ICMP echoes', 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'),
  fix(
    'Kubernetes, in the pod (not the container)',
    'securityContext: { sysctls: [{ name: net.ipv4.ping_group_range, value: "0 2147483647" }] }',
  ),
]

const fixesOf: Record<LocalReason, (target: Target) => Fix[]> = {
  local_permission: permissionFixes,
  local_resource: () => [
    fix('this machine: more file descriptors', 'ulimit -n 65536'),
    fix('this machine: more local ports', 'sysctl -w net.ipv4.ip_local_port_range="1024 65535"'),
  ],
  local_overload: () => [
    fix(
      'Kubernetes: take the CPU limit off the prober',
      'kubectl set resources daemonset/causeway-agent --limits=cpu=0 --requests=cpu=100m',
    ),
  ],
  local_mtu: target => [
    fix(
      'this machine: which interface and MTU the route uses',
      `ip ${isIpv6(target) ? '-6 ' : ''}route get ${target.address ?? 'ADDRESS'}`,
    ),
    fix('this machine: raise the MTU of that interface', 'ip link set dev INTERFACE mtu 1500'),
  ],
  local_interception: () => [],
  local_nat_ports: () => [
    fix(
      'AWS: one more address for the NAT gateway',
      'aws ec2 associate-nat-gateway-address --nat-gateway-id NAT_GATEWAY --allocation-ids ALLOCATION',
    ),
    fix(
      'Azure: one more address for the NAT gateway',
      'az network nat gateway update --resource-group GROUP --name NAT_GATEWAY --public-ip-addresses ADDRESS_1 ADDRESS_2',
    ),
    fix(
      'GCP: more ports per VM on Cloud NAT',
      'gcloud compute routers nats update NAT --router=ROUTER --region=REGION --min-ports-per-vm=1024',
    ),
  ],
  local_svid_unavailable: () => [
    fix('SPIRE: is there an entry for this workload?', 'spire-server entry show'),
    fix('this machine: does the Workload API answer?', 'spire-agent api fetch x509 -socketPath /run/spire/sockets/agent.sock'),
  ],
  local_bundle_missing: () => [fix('SPIRE: which bundles of other trust domains are held', 'spire-server bundle list')],
}

const localReason = ({ outcome }: AnyResult): LocalReason | undefined =>
  outcome.kind === 'unmeasured' && outcome.reason.startsWith('local_') && outcome.reason !== 'local_interception'
    ? (outcome.reason as LocalReason)
    : undefined

/** Steps that this machine could not measure. They say nothing about the target or the path. */
export const explainProber = ({ results, target }: Seen): Diagnosis | undefined => {
  const local = results.filter(result => localReason(result) !== undefined)
  if (local.length === 0) return undefined
  const reasons = [...new Set(local.map(result => localReason(result)!))]
  const steps = [...new Set(local.map(({ kind }) => kind))]
  const why = sayList(reasons.map(reason => unmeasuredReasonTexts[reason].replace(/;.*/, '')))
  return buildDiagnosis('prober_at_fault', {
    confidence: 'certain',
    summary: `This machine, not ${hostOf(target)}, is why ${sayList(steps)} could not be measured: ${why}.`,
    evidence: local.map(result => `${result.kind}: ${sayDetail(result)}`),
    against: listFacts(
      results.some(({ outcome }) => outcome.kind === 'fail') && 'other steps were measured and failed: what they say stands on its own',
    ),
    fixes: reasons.flatMap(reason => fixesOf[reason](target)),
    next: buildRun(target, steps.length === 1 ? steps[0] : undefined),
  })
}
