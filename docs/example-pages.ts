/** Two incidents as the controller would tell of them: the examples of docs/pages.md. */
import type { Notification } from '../wire/page.ts'

const at = (hour: number, minute: number, second: number): number => Date.UTC(2026, 10, 21, hour, minute, second)
const site = 'https://causeway.example.org'

/** A gateway was replaced, and nobody clamps the MSS any more. */
export const blackHole: Notification = {
  ...{ id: '01JDQZ6M3C/1', key: 'link/aws/us-east-1/azure/eastus/path', version: 1, event: 'firing', at: at(3, 5, 20) },
  page: {
    ...{ key: 'link/aws/us-east-1/azure/eastus/path', incident: '01JDQZ6M3C', severity: 'page', state: 'firing' },
    title: 'aws/us-east-1 → azure/eastus: packets above 1380 bytes vanish, one way',
    ...{ cause: 'path_mtu_black_hole', layer: 'path', direction: 'forward', runnerUp: 'handshake_too_big' },
    ...{ place: 'aws/us-east-1 → azure/eastus', since: at(3, 4, 10), detectedAt: at(3, 5, 20) },
    impact:
      '38 of 40 paths of this link, from 5 of 5 agents; the target payments among them; the hour has used 14 % of the month’s error budget',
    evidence: [
      '38 paths fail with mtu_black_hole or tls_stalled since 03:04:10; TCP connects on all of them',
      'the largest packet that passes is 1380 bytes; it was 1500 until 03:03',
      'no packet-too-big came from any hop',
    ],
    against: [
      'azure/eastus → aws/us-east-1 carries 1500 bytes',
      'the other 4 links of aws/us-east-1 are well',
      'the 2 paths that are well send nothing above 1380 bytes',
    ],
    changed: ['03:03:50 route of agent eks/ip-10-0-1-7 to azure/eastus: hop 3 is 10.0.9.1, was 10.0.8.1'],
    fixes: [{ where: 'the gateway 10.0.9.1', command: 'nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu' }],
    next: 'probe check --from aws/us-east-1 --to azure/eastus --kinds mtu,tcp --both-ways',
    runbook: `${site}/docs/runbooks/path_mtu_black_hole`,
    labels: { owner: 'platform', tier: 'critical' },
    links: [{ title: 'Incident', url: `${site}/incidents/01JDQZ6M3C` }],
  },
}

/** A trust bundle was not taken over in time; by now it has been. */
export const staleBundle: Notification = {
  ...{ id: '01JDR0AZ7K/3', key: 'trustDomain/aws.example.internal/identity', version: 3, event: 'resolved', at: at(14, 52, 40) },
  page: {
    ...{ key: 'trustDomain/aws.example.internal/identity', incident: '01JDR0AZ7K', severity: 'page', state: 'resolved' },
    title: 'aws.example.internal: its new authority is not trusted in azure/eastus, mTLS is refused there',
    ...{ cause: 'trust_bundle_misaligned', layer: 'identity', place: 'trust domain aws.example.internal' },
    ...{ since: at(14, 31, 5), detectedAt: at(14, 32, 20), endedAt: at(14, 52, 30) },
    impact: '12 of 12 mtls paths towards azure/eastus; TCP and TLS are well on all of them',
    evidence: [
      '12 paths fail with client_cert_rejected: alert unknown_ca, after our certificate was sent',
      'the authority 7f:0c:…:91 signs since 14:30; the bundle that azure/eastus holds is of 13:58 and lacks it',
    ],
    against: ['the same certificates are taken in gcp/us-central1', 'azure → aws is well'],
    changed: ['14:30:02 aws.example.internal: sequence 41 → 42, one authority more', '14:52:10 azure/eastus: holds sequence 42'],
    fixes: [
      {
        where: 'the SPIRE server of azure/eastus',
        command: 'spire-server bundle set -id spiffe://aws.example.internal -path aws.bundle -format spiffe',
      },
    ],
    next: 'probe check --from aws/us-east-1 --to azure/eastus --kinds mtls,bundle',
    runbook: `${site}/docs/runbooks/trust_bundle_misaligned`,
    labels: { owner: 'identity' },
    links: [{ title: 'Incident', url: `${site}/incidents/01JDR0AZ7K` }],
  },
}
