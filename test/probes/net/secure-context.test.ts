import t from 'tap'
import { alpnOf, type ContextOptions, secureContext } from '../../../probes/net/secure-context.ts'
import { makeAuthority } from '../../servers/authority.ts'

const authority = await makeAuthority({ name: 'test root' })
const other = await makeAuthority({ name: 'another root' })
const mine = await authority.issue({ names: ['me.test'] })
const theirs = await other.issue({ names: ['them.test'] })
const ca = authority.certPem

t.test('a context is made once for the same options', async t => {
  t.equal(secureContext('small', { ca }), secureContext('small', { ca }))
  t.equal(secureContext('small', {}), secureContext('small', {}))
  t.equal(secureContext('post_quantum', { ca }), secureContext('large', { ca }), 'the sizes differ in what is offered, not in the context')
})

t.test('other options are another context', async t => {
  const all: [hello: 'small' | 'post_quantum', options: ContextOptions][] = [
    ['small', {}],
    ['small', { trustNobody: true }],
    ['post_quantum', {}],
    ['small', { ca }],
    ['post_quantum', { ca }],
    ['small', { ca: other.certPem }],
    ['small', { cert: mine.chainPem, key: mine.keyPem }],
    ['small', { ca, cert: mine.chainPem, key: mine.keyPem }],
    ['small', { ca, cert: theirs.chainPem, key: theirs.keyPem }],
  ]
  t.equal(new Set(all.map(([hello, options]) => secureContext(hello, options))).size, all.length)
})

t.test('the store is bounded: the oldest goes first', async t => {
  const nth = (i: number) => secureContext('small', { ca: `${ca}# ${i}\n` })
  const first = nth(0)
  t.equal(nth(0), first)
  for (let i = 1; i < 40; i++) nth(i)
  t.not(nth(0), first)
  t.equal(nth(39), nth(39))
})

const bad: [name: string, options: ContextOptions, says: RegExp][] = [
  ['no PEM at all', { ca: 'garbage' }, /no authority/],
  ['an empty file', { ca: '' }, /no authority/],
  ['half a certificate', { ca: ca.slice(0, 200) }, /no authority/],
  ['a key where authorities should be', { ca: mine.keyPem }, /no authority/],
  ['a certificate that is none', { cert: 'garbage', key: 'garbage' }, /no start line/],
  ['a key that is none', { cert: mine.certPem, key: 'garbage' }, /no start line|DECODER|unsupported/],
  ['a certificate without its key', { cert: mine.certPem }, /without its private key/],
  ['a key without its certificate', { key: mine.keyPem }, /without its certificate/],
  ["another certificate's key", { cert: mine.certPem, key: theirs.keyPem }, /key values mismatch/],
]

for (const [name, options, says] of bad)
  t.test(`${name} is refused, the second time too`, async t => {
    t.throws(() => secureContext('small', options), { message: says })
    t.throws(() => secureContext('small', options), { message: says })
  })

t.test('only a large hello offers fillers, behind a name that servers know', async t => {
  t.same(alpnOf('small', []), [])
  t.same(alpnOf('post_quantum', ['h2']), ['h2'])
  for (const [wanted, first] of [
    [[], 'h2'],
    [['istio'], 'istio'],
  ] as const) {
    const offered = alpnOf('large', wanted, 4000)
    t.equal(offered[0], first)
    t.ok(
      offered.every(name => Buffer.byteLength(name) <= 255),
      'RFC 7301: a name is at most 255 bytes',
    )
    t.equal(new Set(offered).size, offered.length)
    const bytes = offered.reduce((sum, name) => sum + 1 + name.length, 0)
    t.ok(bytes >= 4000 && bytes < 4400, `${bytes} bytes`)
  }
  const most = alpnOf('large', [], 1_000_000).reduce((sum, name) => sum + 1 + name.length, 0)
  t.ok(most < 65_535, `${most} bytes fit the extension`)
})

t.test('a protocol name of no bytes, or of too many, is refused before anything is sent', async t => {
  t.throws(() => alpnOf('small', ['']), { message: /of 0 bytes/ })
  t.throws(() => alpnOf('small', ['h2', 'ü'.repeat(128)]), { message: /of 256 bytes/ })
  t.same(alpnOf('small', ['x'.repeat(255)]), ['x'.repeat(255)])
})
