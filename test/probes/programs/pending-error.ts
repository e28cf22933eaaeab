/**
 * Two sessions of one echo socket: one sends to an address that a router refuses (the first argument), and before anybody has read that error the
 * other one sends to an address that answers (the second). Prints what both were told. For use inside a site.
 */
import { EchoSession, joinEchoes } from '../../../probes/net/echoes.ts'
import { sockaddr } from '../../../probes/net/sockaddr.ts'

const [refused = '', answering = ''] = process.argv.slice(2)
const family = refused.includes(':') ? 6 : 4
const seen = { first: { replies: 0, errors: 0 }, second: { replies: 0, errors: 0 }, sends: [] as number[] }
const join = (who: { replies: number; errors: number }): EchoSession => {
  const session = joinEchoes(family, {}, { reply: () => void who.replies++, error: () => void who.errors++ }, 100)
  if (!(session instanceof EchoSession)) throw new Error(JSON.stringify(session))
  return session
}
const [first, second] = [join(seen.first), join(seen.second)]
seen.sends.push(first.send(sockaddr(refused), 0, 56))
// Nothing else of this process runs meanwhile: the error comes in and stays unread.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
seen.sends.push(second.send(sockaddr(answering), 0, 56))
for (const deadline = performance.now() + 2000; performance.now() < deadline && seen.second.replies === 0; ) {
  await new Promise(resolve => setImmediate(resolve))
  second.collect()
}
first.leave()
second.leave()
process.stdout.write(`${JSON.stringify(seen)}\n`)
