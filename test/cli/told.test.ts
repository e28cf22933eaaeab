/** What the real command says of real servers that are something else than was thought. */
import { dirname } from 'node:path'
import t, { type Test } from 'tap'
import { folderOf, paste, runHere } from '../lab/probe-here.ts'
import { issueSelfSigned, makeAuthority } from '../servers/authority.ts'
import type { Listening } from '../servers/listening.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { startTls, type TlsOptions } from '../servers/tls-servers.ts'

const authority = await makeAuthority({ name: 'our root' })
const leaf = await authority.issue({ names: ['a.test'], addresses: ['127.0.0.1'] })

const placeOf = async (t: Test, starting: Promise<Listening>): Promise<string> => {
  const server = await starting
  t.teardown(() => server.close())
  return `127.0.0.1:${server.port}`
}
const startPlain = (t: Test, options: Partial<TlsOptions> = {}) => placeOf(t, startTls({ ...leaf, ...options }))
const trust = (t: Test) => ['--ca', folderOf(t)('root.pem', authority.certPem)]

t.test('HTTPS to a service that speaks something else over TLS: that is what is said', async t => {
  const place = await startPlain(t, { greeting: '220 mail here\r\n' })
  const { diagnosis } = await runHere([`https://${place}`, ...trust(t)])
  t.match(diagnosis, [{ cause: 'http_wrong_answer', confidence: 'certain', summary: /completes the TLS handshake .* not HTTP/ }])
  t.match(diagnosis[0]!.next, /^probe run tls:\/\/.* --ca /)
})

t.test('HTTPS to a service that hangs up after the request: not a reset, and no word of slowness', async t => {
  const place = await startPlain(t, { onConnection: socket => socket.once('data', () => socket.end()) })
  const { diagnosis, results } = await runHere([`https://${place}`, ...trust(t)])
  t.match(diagnosis, [{ cause: 'http_wrong_answer', confidence: 'likely', summary: /hangs up without an answer: it speaks no HTTP/ }])
  t.notMatch(JSON.stringify([diagnosis, results]), /takes the time|resets connections/)
})

t.test('HTTP to a service that greets in another protocol', async t => {
  const place = await placeOf(t, tcpServers['smtp greeting']())
  const { diagnosis } = await runHere([`http://${place}`])
  t.match(diagnosis, [{ cause: 'http_wrong_answer', summary: /accepts the connection and then answers with something that is not HTTP/ }])
})

t.test('mutual TLS with an ordinary TLS server: no wrong identity, but none at all', async t => {
  for (const options of [{}, { onConnection: (socket: { end(): void }) => socket.end() }]) {
    const place = await startPlain(t, options)
    const { diagnosis } = await runHere([`mtls://${place}`, ...trust(t)])
    t.match(diagnosis, [{ cause: 'mtls_not_enforced', confidence: 'certain', summary: /is an ordinary TLS server/ }])
    t.match(diagnosis[0]!.next, /^probe run tls:\/\/.* --ca /)
    t.equal((await paste(diagnosis[0]!.next!)).status, 0)
  }
})

t.test('an authority that is not trusted: the commands say which it is, and bring it where it can be had', async t => {
  const below = await (await authority.intermediate({ name: 'mid' })).issue({ addresses: ['127.0.0.1'] })
  const [unknown] = (await runHere([await startPlain(t, below)])).diagnosis
  t.equal(unknown?.cause, 'certificate_untrusted')
  t.match((await paste(unknown!.fixes[0]!.command)).stdout, /^issuer=.*our root\n/)
  t.match(unknown!.fixes[1]!.command, 'kubectl get secret')

  const here = `cd '${dirname(folderOf(t)('here', ''))}'`
  const [own] = (await runHere([await startPlain(t, await issueSelfSigned({ addresses: ['127.0.0.1'] }))])).diagnosis
  t.match((await paste(`${here} && ${own!.fixes[0]!.command}`)).stdout, /fingerprint/i)
  t.match(own!.next, /--ca authority\.pem$/)
  t.match(await paste(`${here} && ${own!.next}`), { status: 0, stdout: /✓ tls/ })
})
