/** Federated credentials on a schedule, by a real agent; and a canary: nothing that is secret is anywhere but in the requests themselves. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { configHere, endpointName, policyText, startAgentHere } from '../lab/agent-here.ts'
import { openFolder, removeFolder } from '../lab/agent-in.ts'
import type { AgentProcess } from '../lab/agent-process.ts'
import { logsOf, runsOf, sumOf } from '../lab/batches.ts'
import { startOtlpSink } from '../lab/otlp-sink.ts'
import { probeHere } from '../lab/probe-here.ts'
import { audienceFor, role, startWorld } from '../servers/cloud-world.ts'
import { found, secretsOf } from './federation-secrets.ts'

/** What the agent holds, after a collection of garbage. */
const heapOf = async ({ child }: AgentProcess, folder: string): Promise<string> => {
  const snapshots = (): string[] => readdirSync(folder).filter(name => name.endsWith('.heapsnapshot'))
  for (const name of snapshots()) rmSync(join(folder, name))
  child.kill('SIGUSR2')
  // Written piece by piece: whole when it ends.
  for (;;) {
    await sleep(300)
    const [name] = snapshots()
    const text = name === undefined ? '' : readFileSync(join(folder, name), 'utf8')
    if (text.trimEnd().endsWith(']}')) return text
  }
}

t.test('every format of the command and its evidence, of a run that is good and of one that is not', async t => {
  await using world = await startWorld()
  const texts: string[] = []
  for (const ask of [{}, { subject: 'system:serviceaccount:other:predictor' }]) {
    const path = await world.tokenFile('aks', { audience: audienceFor('gcp', 'aks'), ...ask })
    const env = { GOOGLE_APPLICATION_CREDENTIALS: world.externalAccount('aks', path) }
    const evidence = join(world.directory, 'evidence.json')
    for (const output of ['human', 'json', 'ndjson', 'junit', 'markdown'] as const) {
      const words = ['run', 'federation://gcp', '--ca', world.caFile, '--output', output, '--evidence', evidence]
      const { stdout, stderr, status } = await probeHere(words, env)
      t.equal(status, 'subject' in ask ? 1 : 0, output)
      t.match(stdout, /predictor/)
      texts.push(stdout, stderr, readFileSync(evidence, 'utf8'))
    }
  }
  const secrets = secretsOf(world)
  t.ok(secrets.length >= 20, `${secrets.length} secrets to look for`)
  t.same(found(texts.join('\n'), secrets), [])
})

t.test('a scheduled check: runs, exchanges counted by cloud and reason, and no secret in log, spool, page, records or heap', async t => {
  await using world = await startWorld()
  const folder = openFolder()
  const sink = await startOtlpSink()
  t.teardown(async () => {
    await sink.close()
    removeFolder(folder)
  })
  writeFileSync(join(folder, 'policy.yaml'), policyText)
  const path = await world.tokenFile('aks', { audience: audienceFor('gcp', 'aks') })
  const wrong = await world.tokenFile('eks', { subject: 'system:serviceaccount:other:predictor' }, 'wrong')
  const options = { caFile: world.caFile }
  const check = (name: string, target: string, more: object) => ({
    name,
    kind: 'federation',
    every: '4s',
    lateness: '30s',
    targets: [target],
    options: { ...options, ...more },
  })
  const config = {
    targets: [
      { name: 'vertex', address: 'us-central1-aiplatform.googleapis.com:443', location: 'gcp/us-central1' },
      { name: 'aws', address: 'aws' },
    ],
    checks: [check('good', 'vertex', { to: 'gcp' }), check('bad', 'aws', { tokenFile: wrong, roleArn: role })],
    export: [{ name: endpointName, url: sink.url }],
    policy: 'policy.yaml',
  }
  const env = {
    GOOGLE_APPLICATION_CREDENTIALS: world.externalAccount('aks', path),
    AWS_ENDPOINT_URL_STS: world.aws.url,
    NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`,
  }
  const agent = await startAgentHere(folder, config, { env })
  while (!runsOf(sink.batches, 'good')['ok'] || !runsOf(sink.batches, 'bad')['fail/subject_mismatch_or_policy']) await sleep(200)
  const page = await (await fetch(`http://127.0.0.1:${agent.said.find(({ msg }) => msg === 'measuring')!.web}/metrics`)).text()
  t.match(page, /causeway_federation_exchanges_total\{[^}]*cloud="gcp"/)
  t.match(page, /causeway_federation_exchanges_total\{[^}]*error_type="subject_mismatch_or_policy"/)
  t.ok(sumOf(sink.batches, 'causeway.federation.exchanges', { 'causeway.cloud': 'gcp' }) >= 1)
  t.ok(sumOf(sink.batches, 'causeway.federation.exchanges', { 'causeway.cloud': 'aws', 'error.type': 'subject_mismatch_or_policy' }) >= 1)
  t.ok(
    JSON.stringify(logsOf(sink.batches)).includes('Not authorized to perform sts:AssumeRoleWithWebIdentity'),
    'the refusal is sent as a log',
  )

  // While a run is on its way it holds its token: what is looked for is what is left when none is.
  const shown = secretsOf(world)
  t.ok(shown.length >= 5, `${shown.length} secrets to look for`)
  writeFileSync(join(folder, 'agent.yaml'), JSON.stringify(configHere(folder, { ...config, checks: [] })))
  agent.child.kill('SIGHUP')
  await agent.hear(/^configuration changed$/)
  for (let left = found(await heapOf(agent, folder), shown); left.length > 0; left = found(await heapOf(agent, folder), shown))
    t.comment(`${left.length} still held by what ends`)
  const { status } = await agent.end()
  t.equal(status, 0)
  const secrets = secretsOf(world)
  const files = (directory: string): string[] =>
    readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter(entry => entry.isFile() && !entry.name.endsWith('.heapsnapshot'))
      .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  t.same(found(files(folder).join('\n'), secrets), [], 'spool and other files')
  t.same(
    found(
      JSON.stringify([agent.said, sink.batches.map(({ points, logs }) => [points, logs])], (_key, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
      secrets,
    ),
    [],
    'log and records',
  )
  t.same(found(page, secrets), [], 'the page')
})
