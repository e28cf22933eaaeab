import t from 'tap'
import type { Resolved } from '../../probes/finding.ts'
import { DialError } from '../../probes/net/tcp-socket.ts'
import { judgeDial } from '../../probes/tcp-errors.ts'
import { word } from './targets.ts'

const target: Resolved = { host: 'svc.test', address: '192.0.2.1', family: 4, port: 443 }
const running = new AbortController().signal
const tooLate = AbortSignal.abort(new DOMException('the run took too long', 'TimeoutError'))

const stories: [name: string, error: unknown, kind: 'fail' | 'unmeasured', reason: string, signal?: AbortSignal][] = [
  ['the port is closed', new DialError('connect', 'ECONNREFUSED'), 'fail', 'tcp_refused'],
  ['the kernel gave up', new DialError('connect', 'ETIMEDOUT'), 'fail', 'tcp_timeout'],
  ['the connection was reset', new DialError('connect', 'ECONNRESET'), 'fail', 'tcp_reset'],
  ['no route to host', new DialError('connect', 'EHOSTUNREACH'), 'fail', 'host_unreachable'],
  ['no route to network', new DialError('connect', 'ENETUNREACH'), 'fail', 'network_unreachable'],
  ['a filter on this machine', new DialError('connect', 'EACCES'), 'unmeasured', 'local_permission'],
  ['another one', new DialError('connect', 'EPERM'), 'unmeasured', 'local_permission'],
  ['no local port left', new DialError('connect', 'EADDRNOTAVAIL'), 'unmeasured', 'local_resource'],
  ['no local port left to bind', new DialError('bind to 10.0.0.1', 'EADDRINUSE'), 'unmeasured', 'local_resource'],
  ['no descriptor left', new DialError('socket', 'EMFILE'), 'unmeasured', 'local_resource'],
  ['none in the whole system', new DialError('socket', 'ENFILE'), 'unmeasured', 'local_resource'],
  ['no buffers', new DialError('connect', 'ENOBUFS'), 'unmeasured', 'local_resource'],
  ['a source of another machine', new DialError('bind to 198.51.100.7', 'EADDRNOTAVAIL'), 'unmeasured', 'config_invalid'],
  ['a source of the other family', new DialError('bind to ::1', 'EAFNOSUPPORT'), 'unmeasured', 'config_invalid'],
  ['a kernel without the family', new DialError('socket', 'EAFNOSUPPORT'), 'unmeasured', 'unsupported'],
  ['a port that is none', new DialError('port 0', 'ERR_SOCKET_BAD_PORT'), 'unmeasured', 'config_invalid'],
  ['the timeout of the run', new DialError('connect', 'ABORT_ERR'), 'fail', 'tcp_timeout', tooLate],
  ['somebody stopped it', new DialError('connect', 'ABORT_ERR'), 'unmeasured', 'aborted', AbortSignal.abort()],
  ['an error nobody has thought of', new DialError('connect', 'EPROTO'), 'unmeasured', 'internal'],
  ['a bug', new TypeError('x is not a function'), 'unmeasured', 'internal'],
  ['no error at all', 'thrown text', 'unmeasured', 'internal'],
]

for (const [name, error, kind, reason, signal = running] of stories)
  t.test(`${name}: ${reason}`, async t => {
    const outcome = judgeDial(error, target, signal)
    t.equal(outcome.kind, kind)
    t.equal(word(outcome), reason)
    t.ok(outcome.kind !== 'ok' && outcome.detail.length > 0)
  })
