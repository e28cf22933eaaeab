import fc from 'fast-check'
import t from 'tap'
import { formatTarget, parseTarget } from '../../wire/target.ts'

const accepted: [name: string, text: string, canonical: string][] = [
  ['a name is a target', 'payments', 'payments'],
  ['a name with a port is a target', 'payments.azure.example:15443', 'payments.azure.example:15443'],
  ['upper case is made lower', 'Payments.Example:1', 'payments.example:1'],
  ['a final dot makes a name absolute and stays', 'a.example.:443', 'a.example.:443'],
  ['an underscore is allowed in a name', '_sip._tcp.example', '_sip._tcp.example'],
  ['an international name becomes punycode', 'tls://münchen.example:15443', 'tls://xn--mnchen-3ya.example:15443'],
  ['an IPv4 address is a target', '10.2.0.2:443', '10.2.0.2:443'],
  ['an IPv6 address in brackets is a target', '[2001:DB8:0::1]', '[2001:db8::1]'],
  ['an IPv6 address with a port is a target', '[::1]:443', '[::1]:443'],
  ['a zone stays with its address', 'icmp://[fe80::1%eth0]', 'icmp://[fe80::1%eth0]'],
  ['a scheme may be upper case', 'TCP://a:1', 'tcp://a:1'],
  ['a URL may end in a slash', 'tcp://a:1/', 'tcp://a:1'],
  ['TLS without a port is port 443', 'tls://a', 'tls://a:443'],
  ['HTTPS without a port is port 443', 'https://a', 'https://a:443'],
  ['HTTP without a port is port 80', 'HTTP://a', 'http://a:80'],
  ['a path and a query stay with HTTP', 'https://a:8443/health?full=1', 'https://a:8443/health?full=1'],
  ['mtu goes without a port', 'mtu://a', 'mtu://a'],
]

for (const [name, text, canonical] of accepted) {
  t.test(name, async t => {
    const parsed = parseTarget(text)
    t.ok(parsed.ok, parsed.ok ? '' : parsed.problems.join())
    if (parsed.ok) t.equal(formatTarget(parsed.value), canonical)
  })
}

const refused: [name: string, text: string, ...problems: RegExp[]][] = [
  ['nothing is no target', '', /no host/],
  ['an unknown scheme is named', 'gopher://a:1', /unknown scheme "gopher", want one of dns:\/\//],
  ['port 0 is refused', 'a:0', /port 0, want 1 to 65535/],
  ['port 70000 is refused', 'a:70000', /port 70000, want 1 to 65535/],
  ['a port that is a word is refused', 'a:https', /port https, want 1 to 65535/],
  ['an empty port is refused', 'a:', /port is empty/],
  ['a bracket that is not closed is refused', '[::1', /unbalanced brackets/],
  ['a bracket that is not opened is refused', '::1]:443', /unbalanced brackets/],
  ['words after the bracket are refused', '[::1]443', /after the bracket/],
  ['IPv4 in brackets is refused', '[10.0.0.1]', /write it without brackets/],
  ['what is in brackets must be an address', '[fe80::zz]', /not an IPv6 address/],
  ['IPv6 without brackets is told how to write it', '2001:db8::1', /write \[2001:db8::1\]/],
  ['three numbers are not an address', '10.0.1', /not an IPv4 address/],
  ['a number above 255 is not an address', '10.0.0.256', /not an IPv4 address/],
  ['leading zeros are not an address', '010.0.0.1', /not an IPv4 address/],
  ['a user does not belong in a URL', 'https://root@a/', /"@" does not belong/],
  ['a query needs a path before it', 'https://a?b', /"\?" does not belong/],
  ['two dots in a row are not a name', 'a..b', /empty label/],
  ['a label of 64 characters is not a name', 'a'.repeat(64), /has 64 characters, at most 63/],
  ['a name of 255 characters is not a name', `${'abcdefghij.'.repeat(25)}`.slice(0, 255), /at most 253/],
  ['a label that starts with a hyphen is not a name', '-a.example', /starts or ends with a hyphen/],
  ['a space is not part of a name', 'a b', /space or control character/],
  ['a path does not belong in a target', 'tcp://a:1/status', /"\/" does not belong/],
  ['a user does not belong in a target', 'root@a:22', /"@" does not belong/],
  ['icmp has no port', 'icmp://a:443', /icmp:\/\/ has no ports/],
  ['tcp needs a port', 'tcp://a', /tcp:\/\/ needs a port/],
  ['an address is not looked up', 'dns://10.0.0.1', /wants a name/],
  ['all problems of a target are told at once', 'gopher://-a:70000', /unknown scheme/, /hyphen/, /port 70000/],
]

for (const [name, text, ...problems] of refused) {
  t.test(name, async t => {
    const parsed = parseTarget(text)
    t.notOk(parsed.ok)
    if (parsed.ok) return
    t.equal(parsed.problems.length, problems.length, parsed.problems.join('\n'))
    for (const [index, problem] of problems.entries()) t.match(parsed.problems[index], problem)
  })
}

const wordLike = fc.stringMatching(/^[a-zA-Z0-9:.[\]%/_\-é]{0,40}$/)
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  wordLike,
  fc
    .tuple(
      fc.constantFrom('tcp://', 'tls://', 'icmp://', 'x://', ''),
      fc.oneof(
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().map(a => `[${a}]`),
        wordLike,
      ),
      fc.constantFrom('', ':443', ':0'),
    )
    .map(parts => parts.join('')),
)

t.test('no text makes the parser throw, and what it refuses has a line that says why', async () => {
  fc.assert(
    fc.property(texts, text => {
      const parsed = parseTarget(text)
      return parsed.ok || (parsed.problems.length > 0 && parsed.problems.every(problem => problem.length > 10))
    }),
  )
})

t.test('what is accepted prints as a target that parses to the same', async t => {
  fc.assert(
    fc.property(texts, text => {
      const parsed = parseTarget(text)
      if (parsed.ok) t.strictSame(parseTarget(formatTarget(parsed.value)), parsed, text)
    }),
  )
})
