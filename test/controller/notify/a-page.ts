import type { Notification, Page } from '../../../wire/page.ts'

/** A page with everything in it; times are epoch ms of a night in November. */
export const aPage = (changed: Partial<Page> = {}): Page => ({
  key: 'link/aws/us-east-1/azure/eastus/path',
  incident: '01JDQZ6M3C',
  title: 'aws/us-east-1 → azure/eastus: packets above 1380 bytes vanish, one way',
  severity: 'page',
  state: 'firing',
  cause: 'path_mtu_black_hole',
  layer: 'path',
  place: 'aws/us-east-1 → azure/eastus',
  direction: 'forward',
  since: Date.UTC(2026, 10, 21, 3, 4, 10),
  detectedAt: Date.UTC(2026, 10, 21, 3, 5, 20),
  impact: '38 of 40 paths, 5 of 5 agents; payments is one of the targets; objective 99.9 %: 14 % of the month used in an hour',
  evidence: ['38 paths end with mtu_black_hole or tls_stalled since 03:04:10', 'largest packet that passes: 1380 bytes, 1500 until 03:03'],
  against: ['azure/eastus → aws/us-east-1 carries 1500 bytes', 'the other 4 links of aws/us-east-1 are well'],
  runnerUp: 'handshake_too_big',
  changed: ['03:03:50 agent aws-3 saw another route: 10.0.9.1 in place of 10.0.8.1'],
  fixes: [
    {
      where: 'the gateway of aws/us-east-1',
      command: 'iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1340',
    },
  ],
  next: 'probe check --from aws/us-east-1 --to azure/eastus --kind mtu',
  runbook: 'https://causeway.example/docs/runbooks/path_mtu_black_hole',
  labels: { owner: 'platform', tier: 'critical' },
  links: [{ title: 'Incident', url: 'https://causeway.example/incidents/01JDQZ6M3C' }],
  ...changed,
})

export const aNotification = (changed: Partial<Omit<Notification, 'page'>> & { page?: Partial<Page> } = {}): Notification => {
  const page = aPage({ ...(changed.key && { key: changed.key }), ...changed.page })
  return { id: 'n1', key: page.key, version: 1, event: 'firing', at: page.detectedAt, ...changed, page }
}
