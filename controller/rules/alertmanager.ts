/** An example configuration for Alertmanager: one page per link and rule, tickets apart, and less noise while a page is open. Pure. */

export const buildAlertmanager = () => ({
  route: {
    receiver: 'tickets',
    group_by: ['alertname', 'source_cloud', 'source_region', 'destination_cloud', 'destination_region'],
    group_wait: '30s',
    group_interval: '5m',
    repeat_interval: '4h',
    routes: [{ matchers: ['severity="page"'], receiver: 'oncall' }],
  },
  inhibit_rules: [
    // What is unreachable has no handshake, no identity and no answer either.
    {
      source_matchers: ['alertname="CausewayUnreachable"'],
      target_matchers: ['alertname=~"CausewayTls|CausewayIdentity|CausewayHttp|CausewayBurnRate"'],
      equal: ['source_cloud', 'source_region', 'destination_cloud', 'destination_region'],
    },
  ],
  receivers: [
    { name: 'oncall', webhook_configs: [{ url: 'http://127.0.0.1:9999/page', send_resolved: true }] },
    { name: 'tickets', webhook_configs: [{ url: 'http://127.0.0.1:9999/ticket', send_resolved: true }] },
  ],
})
