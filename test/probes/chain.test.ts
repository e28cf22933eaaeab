import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { type ChainExpectation, describeCertificate, judgeChain, parsePems } from '../../probes/chain.ts'
import type { FailReason, WarningCode } from '../../wire/reasons.ts'
import { daysFromNow, issueSelfSigned, makeAuthority } from '../servers/authority.ts'

const root = await makeAuthority({ name: 'root' })
const stranger = await makeAuthority({ name: 'stranger' })
const intermediate = await root.intermediate({ name: 'intermediate' })
const foreign = await stranger.intermediate({ name: 'foreign' })
const names = { names: ['svc.test', '*.wild.test'], addresses: ['192.0.2.1', '2001:db8::1'] }
const past = { notBefore: daysFromNow(-40), notAfter: daysFromNow(-10) }
const future = { notBefore: daysFromNow(10), notAfter: daysFromNow(40) }
const pastAuthority = await makeAuthority({ name: 'past root', ...past })
const futureAuthority = await makeAuthority({ name: 'future root', ...future })
const good = await intermediate.issue(names)
const pem = async (making: Promise<{ chainPem: string }>): Promise<string> => (await making).chainPem
const selfSigned = (await issueSelfSigned({ names: ['svc.test'] })).certPem

type Story = {
  name: string
  chain: string
  /** OpenSSL's verdict. */
  error?: string
  ca?: string
  wants?: string
  says: FailReason[]
  detail?: RegExp
  warns?: WarningCode[]
}
const [expired, early] = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']
const [noLeafIssuer, noIssuer] = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY']

const stories: Story[] = [
  { name: 'a good chain', chain: good.chainPem, says: [] },
  { name: 'a good chain and public authorities', chain: good.chainPem, ca: '', says: [] },
  {
    name: 'the leaf has expired',
    chain: await pem(intermediate.issue({ ...names, ...past })),
    error: expired,
    says: ['certificate_expired'],
    detail: /^the certificate expired at \d{4}-/,
  },
  {
    name: 'the leaf is not valid yet',
    chain: await pem(intermediate.issue({ ...names, ...future })),
    error: early,
    says: ['certificate_not_yet_valid'],
    detail: /^the certificate is valid from \d{4}-/,
  },
  {
    name: 'the intermediate has expired',
    chain: await pem((await root.intermediate({ name: 'old', ...past })).issue(names)),
    error: expired,
    says: ['certificate_expired'],
    detail: /the chain's "CN=old" expired/,
  },
  {
    name: 'a leaf for another name',
    chain: await pem(intermediate.issue({ names: ['other.test'] })),
    says: ['certificate_name_mismatch'],
    detail: /certificate is for DNS:other\.test, want svc\.test/,
  },
  {
    name: 'a leaf with its name in the subject only',
    chain: await pem(intermediate.issue({ commonName: 'svc.test' })),
    says: ['certificate_name_mismatch'],
    detail: /no name \(its subject, "CN=svc\.test", does not count\)/,
  },
  { name: 'a name of one label below the wildcard', chain: good.chainPem, wants: 'a.wild.test', says: [] },
  { name: 'a name of two labels below the wildcard', chain: good.chainPem, wants: 'a.b.wild.test', says: ['certificate_name_mismatch'] },
  {
    name: 'the wildcard itself does not cover its own name',
    chain: good.chainPem,
    wants: 'wild.test',
    says: ['certificate_name_mismatch'],
  },
  { name: 'a name in capitals', chain: good.chainPem, wants: 'SVC.Test', says: [] },
  { name: 'an IPv4 address', chain: good.chainPem, wants: '192.0.2.1', says: [] },
  { name: 'an IPv6 address in another spelling', chain: good.chainPem, wants: '2001:0db8:0::0:1', says: [] },
  { name: 'another address', chain: good.chainPem, wants: '192.0.2.2', says: ['certificate_name_mismatch'] },
  { name: 'a name that no certificate can have', chain: good.chainPem, wants: 'a\0b', says: ['certificate_name_mismatch'] },
  { name: 'no name at all', chain: good.chainPem, wants: '', says: ['certificate_name_mismatch'] },
  {
    name: 'another root',
    chain: await pem(foreign.issue(names)),
    error: noIssuer,
    says: ['certificate_untrusted'],
    detail: /2 certificates; the issuer "CN=stranger" was not sent and is not trusted here.*UNABLE_TO_GET_ISSUER_CERT_LOCALLY/,
  },
  {
    name: 'a lone leaf of an unknown issuer may be either',
    chain: good.certPem,
    error: noLeafIssuer,
    says: ['certificate_untrusted'],
    detail: /only its own certificate; .* an unknown authority, or a missing intermediate/,
  },
  {
    name: 'the missing intermediate is known here and closes the path',
    chain: good.certPem,
    ca: root.certPem + intermediate.certPem,
    says: ['chain_incomplete'],
    detail: /does not send the intermediate "CN=intermediate", 1 certificates seen/,
  },
  {
    name: 'the missing intermediate is known here, OpenSSL complains or not',
    chain: good.certPem,
    ca: root.certPem + intermediate.certPem,
    error: noIssuer,
    says: ['chain_incomplete'],
  },
  { name: 'the intermediate alone is what is trusted', chain: good.certPem, ca: intermediate.certPem, says: [] },
  {
    name: 'signed by itself',
    chain: selfSigned,
    error: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    says: ['certificate_untrusted'],
    detail: /only its own certificate; it ends in the self-signed "CN=svc\.test"/,
  },
  { name: 'signed by itself, and trusted', chain: selfSigned, ca: selfSigned, says: [] },
  { name: 'the root is sent too', chain: good.chainPem + root.certPem, says: [], warns: ['root_sent_in_chain'] },
  {
    name: 'a root is sent that nobody trusts',
    chain: (await foreign.issue(names)).chainPem + stranger.certPem,
    error: 'SELF_SIGNED_CERT_IN_CHAIN',
    says: ['certificate_untrusted'],
    detail: /3 certificates; it ends in the self-signed "CN=stranger"/,
    warns: ['root_sent_in_chain'],
  },
  {
    name: 'everything is wrong at once',
    chain: await pem(foreign.issue({ names: ['other.test'], ...past })),
    error: expired,
    says: ['certificate_expired', 'certificate_untrusted', 'certificate_name_mismatch'],
  },
  {
    name: 'expired and incomplete',
    chain: (await intermediate.issue({ ...names, ...past })).certPem,
    ca: root.certPem + intermediate.certPem,
    error: expired,
    says: ['certificate_expired', 'chain_incomplete'],
  },
  {
    name: 'expired, of an authority that is trusted',
    chain: await pem(root.issue({ ...names, ...past })),
    error: expired,
    says: ['certificate_expired'],
  },
  {
    name: 'expired below one that is not valid yet',
    chain: await pem((await root.intermediate({ name: 'new', ...future })).issue({ ...names, ...past })),
    error: expired,
    says: ['certificate_expired', 'certificate_not_yet_valid'],
  },
  {
    name: 'all that is sent is in date, the authority trusted here is not',
    chain: await pem(pastAuthority.issue(names)),
    ca: pastAuthority.certPem,
    error: expired,
    says: ['certificate_expired'],
    detail: /^all that the server sent is in date; the authority trusted here, "CN=past root", expired at/,
  },
  {
    name: 'the authority trusted here is not valid yet',
    chain: await pem(futureAuthority.issue(names)),
    ca: root.certPem + futureAuthority.certPem,
    error: early,
    says: ['certificate_not_yet_valid'],
    detail: /"CN=future root", is valid from/,
  },
  {
    name: 'an old public authority',
    chain: good.chainPem,
    ca: '',
    error: expired,
    says: ['certificate_expired'],
    detail: /the authority trusted here is not/,
  },
  {
    name: 'a chain that OpenSSL refuses although its authority is trusted',
    chain: good.chainPem,
    error: 'INVALID_CA',
    says: ['certificate_untrusted'],
    detail: /its authority "CN=root" is trusted here, yet the chain does not verify \(INVALID_CA\)/,
  },
]

for (const { name, chain, error, ca = root.certPem, wants = 'svc.test', says, detail, warns = [] } of stories)
  t.test(`${name}: ${says.join(', ') || 'nothing is wrong'}`, async t => {
    const expected: ChainExpectation = { name: wants, ...(ca ? { ca } : {}), nowMs: Date.now(), ...(error ? { verifyError: error } : {}) }
    const { violations, warnings } = judgeChain(parsePems(chain), expected)
    t.same(
      violations.map(({ code }) => code),
      says,
    )
    if (detail) t.match(violations[0]?.detail, detail)
    t.same(
      warnings.map(({ code }) => code),
      warns,
    )
  })

t.test('dates are judged to the millisecond by the clock that is given', async t => {
  const [leaf] = parsePems(good.chainPem)
  const at = (nowMs: number) => judgeChain([leaf!], { name: 'svc.test', ca: root.certPem, nowMs }).violations.map(({ code }) => code)
  const [from, to] = [leaf!.validFromDate.getTime(), leaf!.validToDate.getTime()]
  t.same(at(from), [])
  t.same(at(from - 1), ['certificate_not_yet_valid'])
  t.same(at(to), [])
  t.same(at(to + 1), ['certificate_expired'])
})

t.test('no certificates at all: nothing to say about them', async t => {
  t.same(judgeChain([], { name: 'svc.test', nowMs: Date.now() }), { violations: [], warnings: [] })
})

t.test('a certificate as facts', async t => {
  const { certPem } = await root.issue({
    names: ['svc.test', 'a,b "c".test'],
    addresses: ['192.0.2.1'],
    uris: ['spiffe://a.test/ns/x'],
    commonName: 'svc, Inc.',
  })
  const facts = describeCertificate(new X509Certificate(certPem))
  t.match(facts, {
    issuer: 'CN=root',
    notBefore: /Z$/,
    notAfter: /Z$/,
    serial: /^[0-9A-F]+$/,
    fingerprint256: /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/,
  })
  t.equal(facts.sans.length, 4, facts.sans.join(' | '))
  t.same([facts.sans[0], ...facts.sans.slice(2)], ['DNS:svc.test', 'IP Address:192.0.2.1', 'URI:spiffe://a.test/ns/x'])
  t.equal(new Date(facts.notAfter).toISOString(), facts.notAfter)
  t.same(describeCertificate(new X509Certificate((await root.issue({ commonName: 'bare' })).certPem)).sans, [])
})

t.test('PEMs are found among other text', async t => {
  t.same(
    parsePems(`# trusted\n${root.certPem}\ntext between\n${intermediate.certPem}${good.keyPem}`).map(({ subject }) => subject),
    ['CN=root', 'CN=intermediate'],
  )
  t.same(parsePems('garbage'), [])
})
