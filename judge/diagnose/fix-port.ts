import type { Fix } from '../../wire/causes.ts'
import type { Target } from '../../wire/result.ts'
import { fix } from './say.ts'
import { isIpv6 } from './seen.ts'

/** Let a port through the filters of the three clouds and of Linux. SOURCE_CIDR is the network that the prober is seen from. */
export const fixPort = (target: Target, protocol: 'tcp' | 'udp' = 'tcp'): Fix[] => {
  const name = protocol === 'tcp' ? 'Tcp' : 'Udp'
  const port = target.port ?? 'PORT'
  const address = target.address ?? 'ADDRESS'
  const ipv6 = isIpv6(target)
  const filter = ipv6 ? 'ipv6-addresses.ipv6-address' : 'addresses.private-ip-address'
  const range = ipv6 ? `Ipv6Ranges=[{CidrIpv6=SOURCE_CIDR}]` : 'IpRanges=[{CidrIp=SOURCE_CIDR}]'
  return [
    fix(
      'AWS: which security groups guard the address',
      `aws ec2 describe-network-interfaces --filters Name=${filter},Values=${address} --query 'NetworkInterfaces[].Groups'`,
    ),
    fix(
      'AWS security group: let the port in (the network ACL must allow it too)',
      `aws ec2 authorize-security-group-ingress --group-id SECURITY_GROUP --ip-permissions 'IpProtocol=${protocol},FromPort=${port},ToPort=${port},${range}'`,
    ),
    fix(
      'Azure network security group: let the port in',
      `az network nsg rule create --resource-group GROUP --nsg-name NSG --name allow-${protocol}-${port} --priority 200 --direction Inbound --access Allow --protocol ${name} --source-address-prefixes SOURCE_CIDR --destination-address-prefixes ${address} --destination-port-ranges ${port}`,
    ),
    fix(
      'GCP firewall: let the port in',
      `gcloud compute firewall-rules create allow-${protocol}-${port} --network=NETWORK --direction=INGRESS --allow=${protocol}:${port} --source-ranges=SOURCE_CIDR`,
    ),
    fix(
      'Linux firewall of the target',
      `nft insert rule inet filter input ${ipv6 ? 'ip6' : 'ip'} saddr SOURCE_CIDR ${protocol} dport ${port} accept`,
    ),
    fix('Kubernetes: which policies select the pod', 'kubectl get networkpolicies --all-namespaces'),
  ]
}
