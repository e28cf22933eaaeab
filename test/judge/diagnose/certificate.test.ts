import * as seen from './seen.ts'
import { tell } from './story.ts'

const { ladder, tcp } = seen

const privateCa = seen.certificate({ subject: 'CN=Example Issuing CA', issuer: 'CN=Example Root', notAfter: '2030-01-01T00:00:00.000Z' })

tell([
  {
    name: 'an expired certificate says which one of the chain',
    results: ladder(seen.refused('certificate_expired', [seen.certificate(), { ...privateCa, notAfter: '2026-11-18T20:00:00.000Z' }])),
    says: [['certificate_expired', 'certain']],
    summary: /the intermediate certificate \(CN=Example Issuing CA\) expired 3 days ago/,
  },
  {
    name: 'a certificate that ended five minutes ago may be a wrong clock',
    results: ladder(seen.refused('certificate_expired', [seen.certificate({ notAfter: seen.inMinutes(-5) })])),
    says: [['clock_skew', 'possible']],
    summary: /ended 5 minutes ago/,
  },
  {
    name: 'a certificate that is not valid yet is possibly a wrong clock',
    results: ladder(seen.refused('certificate_not_yet_valid', [seen.certificate({ notBefore: seen.inMinutes(5) }), privateCa])),
    says: [['clock_skew', 'possible']],
    summary: /valid only in 5 minutes/,
  },
  {
    name: 'a whole chain from the future, its authority included, is certainly our clock',
    results: ladder(
      seen.refused('certificate_not_yet_valid', [
        seen.certificate({ notBefore: '2028-01-01T00:00:00.000Z' }),
        { ...privateCa, notBefore: '2027-06-01T00:00:00.000Z' },
      ]),
    ),
    says: [['clock_skew', 'certain']],
  },
  {
    name: 'a certificate for other names',
    results: ladder(seen.refused('certificate_name_mismatch', [seen.certificate({ sans: ['a.example', 'b.example'] })])),
    says: [['certificate_name_mismatch', 'certain']],
    summary: /is for a.example and b.example, not for payments.azure.example/,
  },
  {
    name: 'a certificate from an authority that is not trusted',
    results: ladder(seen.refused('certificate_untrusted', [seen.certificate(), privateCa])),
    says: [['certificate_untrusted', 'certain']],
    summary: /it comes from CN=Example Root, which is not trusted here/,
  },
  {
    name: 'a chain without its intermediate says which one is missing',
    results: ladder(seen.refused('chain_incomplete', [seen.certificate()])),
    says: [['chain_incomplete', 'certain']],
    summary: /does not send the intermediate certificate "CN=Example Issuing CA"/,
  },
  {
    name: 'a lone certificate from an unknown issuer: an authority that is not trusted, or an intermediate that is not sent',
    results: ladder(seen.refused('certificate_untrusted', [seen.certificate()])),
    says: [
      ['certificate_untrusted', 'likely'],
      ['chain_incomplete', 'possible'],
    ],
  },
  {
    name: 'a certificate made by an inspecting firewall is interception',
    results: ladder(seen.refused('certificate_untrusted', [seen.certificate({ issuer: 'CN=Zscaler Intermediate Root CA' })])),
    says: [['tls_intercepted', 'likely']],
  },
  {
    name: 'a wrong certificate from nearer than the host is possibly interception, beside what is certain',
    results: ladder(tcp({ measured: { synRttMs: 1 } }), seen.refused('certificate_untrusted', [seen.certificate(), privateCa])),
    says: [
      ['certificate_untrusted', 'certain'],
      ['tls_intercepted', 'possible'],
    ],
  },
])
