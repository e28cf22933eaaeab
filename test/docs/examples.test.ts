/** The commands of the page about mutual TLS do what it says, against real servers in place of the names. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { probe } from '../lab/probe-in.ts'
import { runProgram } from '../lab/run-program.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { makeAuthority } from '../servers/authority.ts'
import { bundleEndpoints } from '../servers/bundle-endpoint.ts'
import { startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../servers/workload-api.ts'

const page = readFileSync(new URL('../../docs/mtls.md', import.meta.url), 'utf8')
const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.trim().split('\n'))

t.test('every example is run, and ends with 0', async t => {
  const [aws, azure, web] = await Promise.all([
    makeTrustDomain('aws.example'),
    makeTrustDomain('azure.example'),
    makeAuthority({ name: 'web root' }),
  ])
  const folder = makeSvidFolder()
  t.teardown(() => folder.remove())
  const checkout = await aws.issue({ path: '/checkout' })
  const { certFile, keyFile } = folder.svid('svid', checkout)
  const server = await startMtls('accepts and greets', { domain: azure, accepts: [aws], svid: { path: '/payments' } })
  const endpoint = await bundleEndpoints.https_web(azure, web)
  const api = await startWorkloadApi(stateOf(aws, [checkout], [azure]))
  t.teardown(() => Promise.all([server.close(), endpoint.close(), api.close()]))
  const real: [string, string][] = [
    ['payments.azure.example:15443', `${server.host}:${server.port}`],
    ['spire.azure.example:8443', `${endpoint.host}:${endpoint.port}`],
    ['unix:///run/spire/sockets/agent.sock', api.address],
    ['=azure.example.json', `=${folder.bundle(azure)['azure.example']}`],
    ['=aws.example.json', `=${folder.bundle(aws)['aws.example']}`],
    ['svid.pem', certFile],
    ['svid.key', keyFile],
    ['web.pem', folder.write('web.pem', web.certPem)],
  ]
  t.ok(commands.length >= 6, `${commands.length} examples`)
  for (const command of commands) {
    const [name, ...words] = real.reduce((text, [from, to]) => text.replace(from, to), command).split(' ')
    t.equal(name, 'probe')
    const { status, stdout, stderr } = await runProgram([process.execPath, probe, ...words])
    t.equal(status, 0, `${command}\n${stdout}${stderr}`)
  }
})
