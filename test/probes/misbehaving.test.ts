/** Peers that do what no peer should: an outcome with its reason, within the timeout, and nothing left open. */
import t from 'tap'
import type { Kind } from '../../wire/result.ts'
import type { ServerSpec } from '../servers/main.ts'
import type { TcpVariant } from '../servers/tcp-servers.ts'
import { leaked, openHandles } from './handles.ts'
import { startServersApart } from './servers-apart.ts'
import { run, targetOf, word } from './targets.ts'

const timeoutMs = 700
/** What a busy machine may need beyond it: to parse a megabyte of certificate, say. */
const marginMs = 2000

/** What each kind of probe may say; a reset that comes before the connection is noticed is one of TCP. */
type Says = Record<'tcp' | 'transfer' | 'tls' | 'ladder' | 'mtu', RegExp>
const reset = /^(tls_reset|tcp_reset)$/
const accepts = { tcp: /^ok$/, mtu: /^(ok|unsupported|local_permission)$/ }
const peers: [spec: ServerSpec, says: Says][] = [
  [
    { kind: 'tcp', variant: 'accepts and says nothing' },
    { ...accepts, transfer: /^ok$/, tls: /^tls_timeout$/, ladder: /^tls_timeout$/ },
  ],
  [
    { kind: 'tcp', variant: 'sends garbage' },
    { ...accepts, transfer: /^ok$/, tls: /^not_tls$/, ladder: /^not_tls$/ },
  ],
  [
    { kind: 'tcp', variant: 'endless garbage' },
    { ...accepts, transfer: /^ok$/, tls: /^not_tls$/, ladder: /^not_tls$/ },
  ],
  [
    { kind: 'tcp', variant: 'closes at once' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: reset, ladder: reset },
  ],
  [
    { kind: 'tcp', variant: 'resets at once' },
    { ...accepts, tcp: /^(ok|tcp_reset)$/, transfer: /^(ok|tcp_reset)$/, tls: reset, ladder: reset },
  ],
  [
    { kind: 'tcp', variant: 'one byte a second' },
    { ...accepts, transfer: /^ok$/, tls: /^tls_timeout$/, ladder: /^tls_timeout$/ },
  ],
  [
    { kind: 'tcp', variant: 'resets in the middle of the handshake' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: reset, ladder: reset },
  ],
  [
    { kind: 'tcp', variant: 'closes after the ClientHello' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: reset, ladder: reset },
  ],
  [
    { kind: 'tcp', variant: 'plaintext http' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: /^not_tls$/, ladder: /^not_tls$/ },
  ],
  [
    { kind: 'tcp', variant: 'smtp greeting' },
    { ...accepts, transfer: /^ok$/, tls: /^not_tls$/, ladder: /^not_tls$/ },
  ],
  [
    { kind: 'tcp', variant: 'echo' },
    { ...accepts, transfer: /^ok$/, tls: /^not_tls$/, ladder: /^not_tls$/ },
  ],
  [
    { kind: 'tls', variant: '200 certificates' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: /^certificate_untrusted$/, ladder: /^certificate_untrusted$/ },
  ],
  [
    { kind: 'tls', variant: 'huge certificate' },
    { ...accepts, transfer: /^(ok|tcp_reset)$/, tls: /^certificate_untrusted$/, ladder: /^certificate_untrusted$/ },
  ],
]

const apart = await startServersApart(
  t,
  peers.map(([spec]) => spec),
)
const before = openHandles()
const nameOf = (spec: ServerSpec): string => ('variant' in spec ? (spec.variant satisfies TcpVariant | string) : spec.kind)

for (const [i, [spec, says]] of peers.entries())
  t.test(`a peer: ${nameOf(spec)}`, async t => {
    const target = targetOf(apart.servers[i]!)
    const probes: [as: keyof Says, kind: Kind, options: object][] = [
      ['tcp', 'tcp', {}],
      ['transfer', 'tcp', { payloadBytes: 20_000 }],
      ['tls', 'tls', { ca: apart.caPem }],
      ['ladder', 'tls', { ca: apart.caPem, ladder: true }],
      ['mtu', 'mtu', {}],
    ]
    for (const [as, kind, options] of probes) {
      const { outcome, measured, phasesMs } = await run(kind, target, { timeoutMs, ...options } as never)
      t.match(word(outcome), says[as], as)
      if (outcome.kind !== 'ok') t.ok(outcome.detail.length > 20, outcome.detail)
      t.ok(phasesMs['total']! < timeoutMs + marginMs, `${as}: ${phasesMs['total']} ms`)
      if ('forward' in measured) t.match(measured, { forward: { blackHole: false }, reverse: { blackHole: false } })
    }
    t.same(await leaked(before), [])
  })

t.test('all of them at once, ten runs each, and some that are stopped', async t => {
  const stop = AbortSignal.timeout(400)
  const runs = apart.servers.flatMap(server =>
    Array.from({ length: 10 }, (_, i) => run('tls', targetOf(server), { timeoutMs: 5000, ca: apart.caPem, ladder: i % 2 === 0 }, stop)),
  )
  const words = (await Promise.all(runs)).map(({ outcome }) => word(outcome))
  t.ok(
    words.every(said => /^(aborted|not_tls|tls_reset|tcp_reset|certificate_untrusted)$/.test(said)),
    [...new Set(words)].join(),
  )
  t.same(await leaked(before), [])
})
