import * as seen from './seen.ts'
import { tell } from './story.ts'

const { dns, fail, icmp, ladder, mtu, tcp, tls, udp, unmeasured } = seen

const counted = (lost: number) => ({
  sent: 1000,
  received: 1000 - lost,
  lossRatio: lost / 1000,
  jitterMs: 0.1,
  duplicates: 0,
  reordered: 0,
})
const uncounted = { sent: null, received: null, lossRatio: null, jitterMs: null, duplicates: null, reordered: null }
const sentBack = (retransmits: number) => ({ retransmits, segmentsOut: 1000, retransmitRatio: retransmits / 1000, bytesSent: 1_448_000 })

tell([
  { name: 'a clean path needs no diagnosis', results: ladder(), says: [] },
  { name: 'a host without a port that answers needs no diagnosis', results: [dns(), icmp(), mtu()], says: [] },
  { name: 'no results at all need no diagnosis', results: [], says: [] },
  {
    name: 'jumbo frames towards a 1500-byte path are a fact, not a fault',
    results: ladder(
      mtu({ measured: { localMtu: 9001, forward: seen.fits(1500, { tcpPacket: 1500, atLeast: false }) }, warns: [['signal_lost']] }),
    ),
    says: [],
  },
  {
    name: 'a balancer that never answers ping while TCP works filters ICMP',
    results: ladder(seen.silent()),
    says: [['icmp_filtered', 'likely']],
    summary: /does not answer ping although TCP works/,
  },
  {
    name: 'ICMP that a router prohibits beside working TCP is filtered for certain',
    results: ladder(icmp({ outcome: fail('admin_prohibited'), measured: { received: 0, error: { from: '10.1.0.1', type: 3, code: 13 } } })),
    says: [['icmp_filtered', 'certain']],
  },
  {
    name: 'a certificate that is refused still shows that TCP works, so silent ICMP is only filtered',
    results: [seen.silent(), seen.refused('certificate_expired', [seen.certificate({ notAfter: '2026-11-01T00:00:00.000Z' })])],
    says: [
      ['icmp_filtered', 'likely'],
      ['certificate_expired', 'certain'],
    ],
  },
  {
    name: '3 % loss without a hole is packet loss and no black hole',
    results: ladder(seen.lossy(0.03, { warns: [['packet_loss']] })),
    says: [['packet_loss', 'certain']],
    summary: /^3 % of the packets are lost between here and payments.azure.example/,
  },
  {
    name: 'loss above what the check allows is packet loss',
    results: ladder(seen.lossy(0.2, { outcome: fail('packet_loss') })),
    says: [['packet_loss', 'certain']],
  },
  {
    name: '2 % of our own segments sent again is loss on the way there',
    results: ladder(
      seen.lossy(0.02, { warns: [['packet_loss']] }),
      tcp({ measured: { segmentsOut: 1000, retransmits: 20, retransmitRatio: 0.02 } }),
    ),
    says: [['packet_loss', 'certain', 'forward']],
    summary: /^2 % .* from here to payments.azure.example/,
  },
  {
    name: 'lost echoes beside a transfer without a retransmit point to the way back',
    results: ladder(
      seen.lossy(0.02, { warns: [['packet_loss']] }),
      tcp({ measured: { segmentsOut: 1000, retransmits: 0, retransmitRatio: 0 } }),
    ),
    says: [['packet_loss', 'likely', 'reverse']],
  },
  {
    name: 'datagrams that a responder did not count were lost on the way there',
    results: [udp({ measured: { sent: 1000, received: 980, forward: counted(20), reverse: counted(0) }, warns: [['packet_loss']] })],
    says: [['packet_loss', 'certain', 'forward']],
    summary: /^2 % .* from here to payments.azure.example/,
  },
  {
    name: 'datagrams that a responder sent and nobody got were lost on the way back',
    results: [udp({ measured: { sent: 1000, received: 970, forward: counted(0), reverse: counted(30) }, warns: [['packet_loss']] })],
    says: [['packet_loss', 'certain', 'reverse']],
    summary: /^3 % .* from payments.azure.example to here/,
  },
  {
    name: 'loss both ways is loss both ways',
    results: [udp({ outcome: fail('packet_loss'), measured: { sent: 1000, received: 700, forward: counted(200), reverse: counted(150) } })],
    says: [['packet_loss', 'certain', 'both']],
  },
  {
    name: 'loss of datagrams of which the counters did not come back has no direction',
    results: [
      udp({ outcome: fail('packet_loss'), measured: { sent: 100, received: 70, lossRatio: 0.3, forward: uncounted, reverse: uncounted } }),
    ],
    says: [['packet_loss', 'certain']],
    summary: /^30 % of the packets are lost between here and/,
  },
  {
    name: '2 % of what the other side sent was sent again: loss on the way back, measured and not inferred',
    results: [tcp({ measured: { segmentsOut: 1000, retransmits: 0, retransmitRatio: 0, reverse: sentBack(20) } })],
    says: [['packet_loss', 'certain', 'reverse']],
  },
  {
    name: 'retransmits both ways are loss both ways',
    results: [tcp({ measured: { segmentsOut: 1000, retransmits: 30, retransmitRatio: 0.03, reverse: sentBack(20) } })],
    says: [['packet_loss', 'certain', 'both']],
  },
  {
    name: 'retransmits below the threshold of 1 % need no diagnosis',
    results: [
      tcp({ measured: { segmentsOut: 1000, retransmits: 9, retransmitRatio: 0.009, reverse: sentBack(10) }, warns: [['retransmits']] }),
    ],
    says: [],
  },
  {
    name: 'a UDP port that is silent beside working TCP is filtered',
    results: [tcp(), udp({ outcome: fail('no_reply'), measured: { received: 0 } })],
    says: [['port_filtered', 'likely']],
    summary: /^UDP port 15443 of payments.azure.example does not answer/,
  },
  {
    name: 'a UDP port of a host that says nothing may be filtered',
    results: [udp({ outcome: fail('no_reply'), measured: { received: 0 } })],
    says: [['port_filtered', 'possible']],
  },
  {
    name: 'a UDP port that is answered with port unreachable is closed, whatever TCP does',
    results: [tcp(), udp({ outcome: fail('tcp_refused'), measured: { received: 0 } })],
    says: [['port_closed', 'certain']],
  },
  {
    name: 'another agent at the address says nothing of the network',
    results: [udp({ outcome: unmeasured('config_invalid') })],
    says: [],
  },
  {
    name: 'delay that grows with loss is a full queue',
    results: ladder(
      seen.lossy(0.04, { warns: [['packet_loss']], measured: { rttMs: { min: 35, p50: 190, p95: 240, p99: 250, max: 260, stddev: 40 } } }),
    ),
    says: [['congestion', 'likely']],
    summary: /wait up to 205 ms in a queue/,
  },
  {
    name: 'one late echo beside loss is no more than possibly a full queue',
    results: ladder(
      seen.lossy(0.04, { warns: [['packet_loss']], measured: { rttMs: { min: 35, p50: 36, p95: 240, p99: 250, max: 260, stddev: 40 } } }),
    ),
    says: [['congestion', 'possible']],
  },
  {
    name: 'delay alone, without any loss, is not called congestion',
    results: ladder(icmp({ measured: { rttMs: { min: 35, p50: 190, p95: 240, p99: 250, max: 260, stddev: 40 } } })),
    says: [],
  },
  {
    name: 'neither ping nor the port: the host is down, as likely as silence can tell',
    results: [dns(), seen.silent(), tcp({ outcome: fail('tcp_timeout') }), tls({ outcome: fail('tcp_timeout') })],
    says: [['host_down', 'likely']],
    summary: /neither ping nor port 15443/,
  },
  {
    name: 'ping alone that is not answered possibly means a host that is down',
    results: [seen.silent()],
    says: [['host_down', 'possible']],
  },
  {
    name: 'a router that says host unreachable is proof',
    results: [
      icmp({ outcome: fail('host_unreachable'), measured: { received: 0, error: { from: '10.1.0.1', type: 3, code: 1 } } }),
      tcp({ outcome: fail('host_unreachable') }),
    ],
    says: [['host_down', 'certain']],
  },
  {
    name: 'a resolver that is down explains everything after it',
    results: [dns({ outcome: fail('dns_timeout'), measured: { addresses: [] } }), tcp({ outcome: fail('tcp_timeout') }), seen.silent()],
    says: [['dns_broken', 'likely']],
    summary: /^Resolver 10.0.0.2 does not answer for payments.azure.example/,
  },
  {
    name: 'a name that is missing at a resolver',
    results: [dns({ outcome: fail('dns_not_found'), measured: { addresses: [] } })],
    says: [['dns_broken', 'certain']],
  },
  {
    name: 'resolvers that disagree are worth a word, although nothing failed',
    results: ladder(
      dns({
        warns: [['resolvers_differ']],
        measured: {
          answers: [
            { resolver: '10.0.0.2', addresses: ['10.20.0.5'], latencyMs: 2 },
            { resolver: '1.1.1.1', addresses: ['203.0.113.9'], latencyMs: 9 },
          ],
        },
      }),
    ),
    says: [['dns_broken', 'possible']],
  },
  {
    name: 'closed ping permissions blame this machine and nothing else',
    results: ladder(icmp({ outcome: unmeasured('local_permission'), measured: { sent: 0, received: 0, rttMs: null } })),
    says: [['prober_at_fault', 'certain']],
    summary: /^This machine, not payments.azure.example, is why icmp could not be measured/,
  },
  {
    name: 'this machine without permission comes after a fault of the path',
    results: ladder(
      icmp({ outcome: unmeasured('local_permission') }),
      tcp({ outcome: fail('tcp_refused') }),
      tls({ outcome: fail('tcp_refused') }),
    ),
    says: [
      ['port_closed', 'certain'],
      ['prober_at_fault', 'certain'],
    ],
  },
])
