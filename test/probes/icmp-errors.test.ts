import t from 'tap'
import { describeError, isLocalRefusal, isTooBig, reasonOfError, reasonOfSend } from '../../probes/icmp-errors.ts'
import type { QueuedError } from '../../probes/net/mailbox.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Family } from '../../wire/result.ts'

const [EPERM, EACCES, EMSGSIZE, ENETUNREACH, EHOSTUNREACH, ENOBUFS] = [1, 13, 90, 101, 113, 105]
const error = (but: Partial<QueuedError>): QueuedError => ({
  errno: 0,
  origin: 2,
  type: 3,
  code: 0,
  info: 0,
  offender: '10.0.0.1',
  packet: Buffer.alloc(0),
  receivedNs: Number.NaN,
  ttl: -1,
  extensionsAt: 0,
  ...but,
})

/** IPv4: RFC 792, RFC 1812 §5.2.7. IPv6: RFC 4443 §3. */
const stories: [name: string, family: Family, seen: Partial<QueuedError>, reason: FailReason | undefined][] = [
  ['network unreachable', 4, { code: 0 }, 'network_unreachable'],
  ['host unreachable', 4, { code: 1 }, 'host_unreachable'],
  ['protocol unreachable', 4, { code: 2 }, 'host_unreachable'],
  ['port unreachable', 4, { code: 3 }, 'host_unreachable'],
  ['destination network unknown', 4, { code: 6 }, 'network_unreachable'],
  ['network administratively prohibited', 4, { code: 9 }, 'admin_prohibited'],
  ['host administratively prohibited', 4, { code: 10 }, 'admin_prohibited'],
  ['communication administratively prohibited', 4, { code: 13 }, 'admin_prohibited'],
  ['a code of the future', 4, { code: 99 }, 'host_unreachable'],
  ['time exceeded', 4, { type: 11 }, 'ttl_exceeded'],
  ['fragmentation needed is no failure of an echo', 4, { code: 4, info: 1400 }, undefined],
  ['no route', 6, { origin: 3, type: 1, code: 0 }, 'network_unreachable'],
  ['prohibited', 6, { origin: 3, type: 1, code: 1 }, 'admin_prohibited'],
  ['address unreachable', 6, { origin: 3, type: 1, code: 3 }, 'host_unreachable'],
  ['source address failed a policy', 6, { origin: 3, type: 1, code: 5 }, 'admin_prohibited'],
  ['reject route', 6, { origin: 3, type: 1, code: 6 }, 'admin_prohibited'],
  ['hop limit exceeded', 6, { origin: 3, type: 3, code: 0 }, 'ttl_exceeded'],
  ['packet too big is no failure of an echo', 6, { origin: 3, type: 2, info: 1400 }, undefined],
  ['this machine knows no route to the network', 4, { origin: 1, type: 0, errno: ENETUNREACH }, 'network_unreachable'],
  ['this machine gets no answer to address resolution', 4, { origin: 1, type: 0, errno: EHOSTUNREACH }, 'host_unreachable'],
  ['this machine finds its own packet too large', 4, { origin: 1, type: 0, errno: EMSGSIZE, info: 1500 }, undefined],
]

for (const [name, family, seen, reason] of stories)
  t.test(`IPv${family}: ${name} is ${reason ?? 'no reason'}`, async t => {
    t.equal(reasonOfError(error(seen), family), reason)
  })

t.test("only the path's packet-too-big is one", async t => {
  t.ok(isTooBig(error({ code: 4 }), 4))
  t.ok(isTooBig(error({ origin: 3, type: 2 }), 6))
  t.notOk(isTooBig(error({ origin: 1, errno: EMSGSIZE }), 4), "this machine's own limit")
  t.notOk(isTooBig(error({ code: 4 }), 6), 'of the other family')
})

t.test('an error of our own send blames the network only where it knows no way', async t => {
  t.equal(reasonOfSend(ENETUNREACH), 'network_unreachable')
  t.equal(reasonOfSend(EHOSTUNREACH), 'host_unreachable')
  for (const errno of [0, EPERM, EACCES, EMSGSIZE, ENOBUFS]) t.equal(reasonOfSend(errno), undefined)
  t.ok(isLocalRefusal(EPERM) && isLocalRefusal(EACCES))
  t.notOk(isLocalRefusal(ENOBUFS))
})

t.test('an error names who sent it', async t => {
  t.equal(describeError(error({ code: 13 })), '10.0.0.1 answers ICMP type 3 code 13')
  t.match(describeError(error({ offender: undefined })), /^a router answers/)
  t.match(describeError(error({ origin: 1, errno: EHOSTUNREACH })), /^this machine reports errno 113/)
})
