import * as seen from './seen.ts'
import { tell } from './story.ts'

const { fail, ladder, mtu, tls, unmeasured } = seen

tell([
  {
    name: 'a port that accepts and says nothing is a silent service',
    results: ladder(tls({ outcome: fail('tls_timeout'), measured: { bytesReceived: 0 } }), mtu({ outcome: unmeasured('unsupported') })),
    says: [['service_silent', 'possible']],
    summary: /accepts the connection and then says nothing/,
  },
  {
    name: 'a plaintext server is not TLS, and nothing else',
    results: ladder(tls({ outcome: fail('not_tls') }), mtu({ outcome: unmeasured('unsupported') })),
    says: [['not_tls', 'certain']],
  },
  {
    name: 'no cipher in common',
    results: ladder(tls({ outcome: fail('tls_version_or_cipher'), measured: { alert: 70 } })),
    says: [['tls_policy_mismatch', 'certain']],
  },
  {
    name: 'a server name that the gateway does not know',
    results: ladder(tls({ outcome: fail('sni_or_alpn_rejected'), measured: { alert: 112 } })),
    says: [['tls_policy_mismatch', 'certain']],
    summary: /refuses the server name/,
  },
  {
    name: 'a server that wants a client certificate',
    results: ladder(tls({ outcome: fail('client_cert_required'), measured: { alert: 116 } })),
    says: [['peer_rejects_our_identity', 'certain']],
  },
])
