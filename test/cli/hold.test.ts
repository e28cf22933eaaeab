/** A rotation drill through the real command. */
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Result, RunDocument } from '../../wire/result.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram } from '../lab/run-program.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { type MtlsVariant, startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'

const ours = await makeTrustDomain('ours.test')
const theirs = await makeTrustDomain('theirs.test')
const folder = makeSvidFolder()
t.teardown(() => folder.remove())
const { certFile, keyFile } = folder.svid('client', await ours.issue({ path: '/client' }))
const bundle = folder.bundle(theirs)['theirs.test']

/** Holds a connection and renews the server's certificate when one fresh connection has been made beside it. */
const drill = async (t: Test, variant: MtlsVariant, holdText: string, output: string) => {
  const server = await startMtls(variant, { domain: theirs, accepts: [ours] })
  t.teardown(server.close)
  const identity = ['--cert', certFile, '--key', keyFile, '--bundle', `theirs.test=${bundle}`]
  const words = [`mtls://${server.host}:${server.port}`, ...identity, '--hold', holdText, '--hold-every', '200ms', '--output', output]
  const running = runProgram([process.execPath, probe, 'run', ...words])
  while ((server.connections() ?? 0) < 2) await wait(5)
  server.serve(await theirs.issue({ path: '/server' }))
  return running
}

t.test('the held connection lives through a reload, fresh ones get the new certificate', async t => {
  const { status, stdout } = await drill(t, 'accepts and greets', '2s', 'json')
  t.equal(status, 0)
  const { verdict, results } = JSON.parse(stdout) as RunDocument
  t.equal(verdict, 'ok')
  const hold = (results.at(-1) as Result<'mtls'>).measured.hold!
  t.ok(hold.heldMs >= 2000 && hold.changedAfterMs! < 2000)
  t.match(hold, { failed: 0, cut: undefined })
  t.not(hold.held.serial, hold.latest.serial)
})

t.test('a restart cuts it: degraded, with when', async t => {
  const { status, stdout } = await drill(t, 'ends open connections when renewed', '1m', 'human')
  t.equal(status, 0, 'nothing failed')
  t.match(stdout, /held connection cut after \d+ ms, \d+ fresh beside it, a new certificate after \d+ ms/)
  t.match(stdout, /held_connection_cut|was cut|the server closed it/)
})
