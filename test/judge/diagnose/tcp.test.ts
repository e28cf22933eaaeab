import * as seen from './seen.ts'
import { tell } from './story.ts'

const { dns, fail, icmp, ladder, mtu, tcp, tls, unmeasured } = seen

tell([
  {
    name: 'a closed port is closed, whatever ping says',
    results: [dns(), seen.silent(), tcp({ outcome: fail('tcp_refused') }), tls({ outcome: fail('tcp_refused') })],
    says: [['port_closed', 'certain']],
    summary: /^Port 15443 of payments.azure.example is closed/,
  },
  {
    name: 'a port that stays silent on a host that answers ping is filtered',
    results: ladder(
      tcp({ outcome: fail('tcp_timeout'), measured: { synRttMs: null } }),
      tls({ outcome: fail('tcp_timeout') }),
      mtu({ outcome: unmeasured('unsupported') }),
    ),
    says: [['port_filtered', 'likely']],
  },
  {
    name: 'a silent port without a measured ping is possibly filtered',
    results: [
      icmp({ outcome: unmeasured('unsupported'), measured: { sent: 0, received: 0 } }),
      tcp({ outcome: fail('tcp_timeout'), measured: { synRttMs: null } }),
    ],
    says: [['port_filtered', 'possible']],
  },
  {
    name: 'a transfer that stalls in a black hole belongs to it: its SYN was answered',
    results: ladder(
      tcp({ outcome: fail('tcp_timeout'), measured: { synRttMs: 38, retransmits: 5, bytesAcked: 0 } }),
      mtu({ outcome: fail('mtu_black_hole'), measured: { forward: seen.hole(1380) } }),
    ),
    says: [['path_mtu_black_hole', 'certain', 'forward']],
  },
  {
    name: 'a transfer that stalls and nothing else is loss, and not a filter',
    results: [tcp({ outcome: fail('tcp_timeout'), measured: { synRttMs: 38, retransmits: 5 } })],
    says: [['packet_loss', 'possible']],
  },
  {
    name: 'one that arrives and is not answered is silence',
    results: [tcp({ outcome: fail('tcp_timeout'), measured: { synRttMs: 38, retransmits: 0 } })],
    says: [['service_silent', 'possible']],
  },
  {
    name: 'a filter that says so itself is certain',
    results: ladder(tcp({ outcome: fail('admin_prohibited') }), tls({ outcome: fail('admin_prohibited') })),
    says: [['port_filtered', 'certain']],
  },
  {
    name: 'a peer that resets during the handshake',
    results: ladder(tls({ outcome: fail('tls_reset'), measured: { bytesReceived: 0 } })),
    says: [['connection_reset', 'certain']],
  },
  {
    name: 'a connection that is reset at once explains the missing TLS too',
    results: ladder(tcp({ outcome: fail('tcp_reset') }), tls({ outcome: fail('tls_reset') })),
    says: [['connection_reset', 'certain']],
  },
  {
    name: 'a sidecar that accepts every port explains the TLS that gets no answer, and ping that gets none',
    results: ladder(
      seen.silent(),
      tcp({
        measured: {
          synRttMs: 0.05,
          control: [
            { port: 9, accepted: true },
            { port: 47123, accepted: true },
          ],
        },
      }),
      tls({ outcome: fail('tls_reset') }),
    ),
    says: [['sidecar_answers_every_port', 'certain']],
    summary: /an open port proves nothing/,
  },
  {
    name: 'a control port that refuses is the sign of an honest host',
    results: ladder(
      tcp({
        measured: {
          control: [
            { port: 9, accepted: false },
            { port: 15443, accepted: true },
          ],
        },
      }),
    ),
    says: [],
  },
  {
    name: 'a service that resets one connection after accepting another is judged by its reason alone',
    results: [tcp(), tls({ outcome: fail('tcp_refused') })],
    says: [['port_closed', 'possible']],
  },
])
