import type { Fix } from '../../wire/causes.ts'
import type { Target } from '../../wire/result.ts'
import { fix } from './say.ts'
import { isIpv6 } from './seen.ts'

/** IP and TCP headers without options: 20 + 20 (RFC 6691 §2), for IPv6 40 + 20 (RFC 8200 §8.3). */
export const headerBytes = (target: Target): number => (isIpv6(target) ? 60 : 40)

/** GCP takes network MTUs from 1300 to 8896. */
const gcpMtu = (mtu: number): boolean => mtu >= 1300 && mtu <= 8896

/** Azure VPN gateways clamp to 1350 themselves; the device facing them must not announce more. */
const azureMss = 1350

/** Lower the MSS in the SYNs that cross a gateway: TCP in both directions then fits the path. Neither rule ever raises an MSS. */
export const fixClamp = (target: Target, mss: number): Fix[] => [
  fix(
    'Linux gateway on the way, nftables (IPv4 and IPv6)',
    `nft add rule inet filter forward tcp flags syn tcp option maxseg size set ${mss}`,
  ),
  fix(
    'Linux gateway on the way, iptables',
    `${isIpv6(target) ? 'ip6tables' : 'iptables'} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss ${mss}`,
  ),
  fix(
    'VPN device facing an Azure VPN gateway (Azure itself clamps to 1350)',
    `interface Tunnel1\n ${isIpv6(target) ? 'ipv6' : 'ip'} tcp adjust-mss ${Math.min(mss, azureMss)}`,
  ),
]

/** The same by configuration of what builds the packets: the route, the tunnel, the pod network, the VPC. */
export const fixMtu = (target: Target, mtu: number, mss: number): Fix[] => {
  const address = target.address ?? 'ADDRESS'
  const route = isIpv6(target) ? `ip -6 route replace ${address}/128` : `ip route replace ${address}/32`
  return [
    fix('this Linux host, at once (AWS EC2 instances too)', `${route} via GATEWAY mtu ${mtu} advmss ${mss}`),
    fix('WireGuard tunnel', `ip link set dev wg0 mtu ${mtu}   # and MTU = ${mtu} under [Interface]`),
    fix('Kubernetes, Cilium', `helm upgrade cilium cilium/cilium --namespace kube-system --reuse-values --set MTU=${mtu}`),
    fix(
      'Kubernetes, Calico',
      `kubectl patch installation.operator.tigera.io default --type merge -p '{"spec":{"calicoNetwork":{"mtu":${mtu}}}}'`,
    ),
    ...(gcpMtu(mtu)
      ? [fix('GCP: the MTU of the VPC (VMs take it at their next start)', `gcloud compute networks update NETWORK --mtu=${mtu}`)]
      : []),
  ]
}

/** Let the packet-too-big messages through that path MTU discovery lives on (RFC 1191 §3, RFC 8201, RFC 4890 §4.3.1). */
export const fixSignal = (target: Target): Fix[] => {
  const ipv6 = isIpv6(target)
  return [
    fix(
      'Linux firewall: let packet-too-big through',
      ipv6
        ? 'nft insert rule inet filter forward icmpv6 type packet-too-big accept'
        : 'nft insert rule inet filter forward icmp type destination-unreachable icmp code frag-needed accept',
    ),
    fix(
      'AWS security group: let packet-too-big in (allow it in the network ACL too)',
      ipv6
        ? "aws ec2 authorize-security-group-ingress --group-id SECURITY_GROUP --ip-permissions 'IpProtocol=icmpv6,FromPort=2,ToPort=0,Ipv6Ranges=[{CidrIpv6=::/0}]'"
        : "aws ec2 authorize-security-group-ingress --group-id SECURITY_GROUP --ip-permissions 'IpProtocol=icmp,FromPort=3,ToPort=4,IpRanges=[{CidrIp=0.0.0.0/0}]'",
    ),
    fix('GCP firewall: let ICMP in (Cloud VPN sends packet-too-big only then)', gcpIcmp(ipv6)),
  ]
}

/** Protocol 58 is ICMPv6. */
const gcpIcmp = (ipv6: boolean): string =>
  `gcloud compute firewall-rules create allow-icmp --network=NETWORK --direction=INGRESS --allow=${ipv6 ? '58' : 'icmp'} --source-ranges=${ipv6 ? '::/0' : '0.0.0.0/0'}`

/** Let echoes through, where one wants them answered. */
export const fixIcmp = (target: Target): Fix[] => {
  const ipv6 = isIpv6(target)
  return [
    fix(
      'AWS security group: let echoes in',
      ipv6
        ? "aws ec2 authorize-security-group-ingress --group-id SECURITY_GROUP --ip-permissions 'IpProtocol=icmpv6,FromPort=128,ToPort=0,Ipv6Ranges=[{CidrIpv6=::/0}]'"
        : "aws ec2 authorize-security-group-ingress --group-id SECURITY_GROUP --ip-permissions 'IpProtocol=icmp,FromPort=8,ToPort=-1,IpRanges=[{CidrIp=0.0.0.0/0}]'",
    ),
    fix(
      'Azure network security group: let echoes in',
      'az network nsg rule create --resource-group GROUP --nsg-name NSG --name allow-icmp --priority 200 --direction Inbound --access Allow --protocol Icmp --source-address-prefixes SOURCE_CIDR --destination-port-ranges "*"',
    ),
    fix('GCP firewall: let ICMP in', gcpIcmp(ipv6)),
    fix(
      'Linux firewall: let echoes in',
      ipv6
        ? 'nft insert rule inet filter input icmpv6 type echo-request accept'
        : 'nft insert rule inet filter input icmp type echo-request accept',
    ),
  ]
}
