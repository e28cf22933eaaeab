import t, { type Test } from 'tap'
import { asAsked } from '../../cli/as-asked.ts'
import type { Diagnosis } from '../../wire/causes.ts'
import type { RunDocument } from '../../wire/result.ts'
import { parseTarget } from '../../wire/target.ts'
import { folderOf, paste, runHere } from '../lab/probe-here.ts'
import { daysFromNow, makeAuthority } from '../servers/authority.ts'
import { startHttps } from '../servers/http-servers.ts'
import { startTls } from '../servers/tls-servers.ts'

const commandsOf = ({ diagnosis }: RunDocument): string[] =>
  diagnosis.flatMap(({ fixes, next }) => [...fixes.map(({ command }) => command), next ?? '']).filter(one => one.startsWith('probe run'))

/** A server whose certificate has expired, and the authority that its clients trust, in a file whose name no shell takes without quotes. */
const startExpired = async (t: Test, over: 'tls' | 'https') => {
  const authority = await makeAuthority({ name: 'root' })
  const leaf = await authority.issue({
    names: ['a.test'],
    addresses: ['127.0.0.1'],
    notBefore: daysFromNow(-40),
    notAfter: daysFromNow(-10),
  })
  const server = await (over === 'tls' ? startTls(leaf) : startHttps((_request, response) => response.end(), leaf))
  t.teardown(() => server.close())
  return { ca: folderOf(t)("our root's.pem", authority.certPem), place: `127.0.0.1:${server.port}` }
}

t.test('the next command has the options that were given, and a shell that runs it sees the same', async t => {
  const { ca, place } = await startExpired(t, 'tls')
  const first = await runHere([place, '--ca', ca, '--sni', 'a.test', '--count', '2', '--timeout', '3s', '--no-ladder'])
  t.equal(first.diagnosis[0]?.cause, 'certificate_expired')
  const next = first.diagnosis[0]!.next!
  t.match(next, /^probe run tls:\/\/127\.0\.0\.1:\d+ --ca '.*our root'\\''s\.pem' --sni a\.test --timeout 3s --no-ladder$/)
  const second = JSON.parse((await paste(`${next} --output json`)).stdout) as RunDocument
  t.strictSame(second.diagnosis[0]?.cause, 'certificate_expired')
  t.equal(second.diagnosis[0]?.next, next)
})

t.test('what was asked over HTTPS is asked over HTTPS again, path and all', async t => {
  const { ca, place } = await startExpired(t, 'https')
  const first = await runHere([`https://${place}/health?token=secret`, '--ca', ca, '--header', 'authorization: secret', '--redirects', '2'])
  const next = first.diagnosis[0]!.next!
  t.match(next, /^probe run 'https:\/\/127\.0\.0\.1:\d+\/health\?QUERY' --ca .* --header 'authorization: VALUE' --redirects 2$/)
  t.notMatch(JSON.stringify(first), 'secret')
  const second = JSON.parse((await paste(`${next} --output json`)).stdout) as RunDocument
  t.equal(second.results.at(-1)?.kind, 'http')
  t.equal(second.diagnosis[0]?.cause, 'certificate_expired')
})

t.test('every command that is printed about a server of nobody we trust names the kind that was asked for', async t => {
  const authority = await makeAuthority({ name: 'unknown root' })
  const leaf = await authority.issue({ names: ['a.test'], addresses: ['127.0.0.1'] })
  const server = await startHttps((_request, response) => response.end(), leaf)
  t.teardown(() => server.close())
  const commands = commandsOf(await runHere([`https://127.0.0.1:${server.port}`, '--sni', 'a.test']))
  t.ok(commands.length > 1)
  for (const command of commands) t.match(command, /^probe run https:\/\/127\.0\.0\.1:\d+ --sni a\.test/)
})

t.test('a command keeps its own values, and takes of the others only what its kind knows', async t => {
  const asked = parseTarget('payments.azure.example:15443')
  if (!asked.ok) throw new Error(asked.problems.join())
  const given = {
    count: ['7'],
    ca: ['a.pem'],
    'expect-id': ['spiffe://a.test/x'],
    'workload-api': ['unix:///a b'],
    family: ['6'],
    output: ['json'],
  }
  const one = (next: string): Diagnosis => ({
    cause: 'host_down',
    layer: 'reach',
    confidence: 'likely',
    summary: '',
    evidence: [],
    against: [],
    fixes: [],
    next,
  })
  const complete = (next: string) => asAsked([one(next)], asked.value, given, true)[0]!.next
  const host = 'payments.azure.example'
  t.equal(complete(`probe run icmp://${host} --count 200`), `probe run icmp://${host} --family 6 --count 200`)
  t.equal(complete(`probe run tls://${host}:15443 --ca authority.pem`), `probe run tls://${host}:15443 --family 6 --ca authority.pem`)
  t.equal(
    complete(`probe run mtls://${host}:15443 --negative`),
    `probe run mtls://${host}:15443 --ca a.pem --expect-id spiffe://a.test/x --workload-api 'unix:///a b' --family 6 --negative`,
  )
  t.match(complete(`probe run ${host}:15443`), /--count 7 --ca a\.pem --expect-id/)
  t.equal(complete('openssl s_client'), 'openssl s_client')
})
