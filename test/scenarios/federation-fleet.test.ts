/** Federated credentials checked by a runner: a real controller gives a real agent under a workload's own service account its work, and people read there what broke. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { freePorts, waitFor } from '../interop/programs.ts'
import { policyText, startAgentHere } from '../lab/agent-here.ts'
import { personAt, startControllerProcess } from '../lab/controller-process.ts'
import { probeHere } from '../lab/probe-here.ts'
import { role, startWorld, subject, type World } from '../servers/cloud-world.ts'
import { startIssuer } from '../servers/issuer.ts'
import { envOf, podOf } from './federation-pods.ts'
import { found, secretsOf } from './federation-secrets.ts'

t.setTimeout(600_000)

/** The cluster's agents of nodes come first; the workload's own one is a runner. */
const fleetOf = (issuer: string): string => `apiVersion: causeway/v1
owner: platform
clusters:
  - name: aks-prod
    issuer: ${issuer}
    audience: causeway
    subjects: [system:serviceaccount:causeway:agent, ${subject}]
    cloud: azure
    region: eastus
targets:
  - { name: vertex, address: us-central1-aiplatform.googleapis.com:443, location: gcp/us-central1 }
  - { name: aws-account, address: aws }
checks:
  - { name: to-google, kind: federation, every: 5s, targets: [vertex], as: { namespace: ml, serviceAccount: predictor }, options: { to: gcp } }
  - { name: to-aws, kind: federation, every: 5s, targets: [aws-account], as: { namespace: ml, serviceAccount: predictor }, options: { to: aws } }
`

/** What the pod has: the controller's own token, and what two clouds' webhooks set. The token for AWS was projected for another audience. */
const startRunner = async (t: Test, world: World, url: string, enrolToken: string) => {
  const folder = mkdtempSync(join(tmpdir(), 'federation-runner-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'token'), enrolToken)
  writeFileSync(join(folder, 'policy.yaml'), policyText)
  const wrong = await world.tokenFile('aks', { audience: 'api://AzureADTokenExchange' }, 'token-for-aws')
  const env = { ...(await podOf(world, 'aks', 'gcp')), ...envOf(world, 'aks', 'aws', wrong), NODE_EXTRA_CA_CERTS: world.caFile }
  const config = {
    agent: { interception: 'off', runner: true, namespace: 'ml', serviceAccount: 'predictor' },
    policy: 'policy.yaml',
    controller: { url, token: join(folder, 'token') },
    responder: { bind: ['127.0.0.1'], tcp: 0, udp: 0 },
  }
  const agent = await startAgentHere(folder, config, { env })
  t.teardown(() => agent.end('SIGKILL'))
  return { folder, agent }
}

const filesIn = (folder: string): string =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name !== 'token')
    .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')

t.test(
  'a runner gets its checks from the controller: one chain is good, of the other people read cause and repair, and no secret is anywhere',
  async t => {
    await using world = await startWorld()
    const leaf = await world.authority.issue({ names: ['localhost'], addresses: ['127.0.0.1'] })
    const cluster = await startIssuer({ path: '/aks-prod', tls: { cert: leaf.chainPem, key: leaf.keyPem } })
    t.teardown(() => cluster.close())
    const data = mkdtempSync(join(tmpdir(), 'federation-controller-'))
    t.teardown(() => rmSync(data, { recursive: true, force: true }))
    const controller = await startControllerProcess({ data, port: (await freePorts(1))[0]!, env: { NODE_EXTRA_CA_CERTS: world.caFile } })
    t.teardown(() => controller.kill())
    const person = personAt(controller.url, controller.token)
    await person.apply(fleetOf(cluster.issuer))
    const bound = { namespace: 'ml', serviceaccount: { name: 'predictor', uid: 's1' }, pod: { name: 'predictor-0', uid: 'p1' } }
    const enrolToken = await cluster.token({ subject, audience: 'causeway', claims: { 'kubernetes.io': bound } })
    const { folder, agent } = await startRunner(t, world, controller.url, enrolToken)
    t.match(await agent.hear(/^enrolled$/), {}, 'by its projected token alone')

    type Path = { agent: string; target: string; measured: { verdict: string; runs: { ok: number }; reasons: Record<string, number> } }
    const { google, aws } = await waitFor(
      'both paths measured',
      async () => {
        const { items } = await person.get<{ items: Path[] }>('/v1/paths?kind=federation')
        const [google, aws] = ['vertex', 'aws-account'].map(name => items.find(({ target }) => target === name))
        return google?.measured.runs.ok && aws?.measured.reasons['audience_mismatch'] ? { google, aws } : undefined
      },
      180_000,
    )
    t.equal(google.agent, 'aks-prod/ml/predictor/predictor-0')
    t.match(aws, { agent: google.agent, measured: { runs: { ok: 0 } } })

    const open = await waitFor(
      'an incident with its cause',
      async () => {
        const { items } = await person.get<{ items: IncidentHead[] }>('/v1/incidents?state=open')
        const told = await Promise.all(items.map(({ id }) => person.get<IncidentAnswer>(`/v1/incidents/${id}`)))
        return told.find(({ cause, fixes }) => cause === 'federation_audience' && fixes.length > 0)
      },
      240_000,
    )
    t.match(open, { severity: 'page', layer: 'federation' })
    t.match(
      open.evidence.join('\n'),
      /api:\/\/AzureADTokenExchange.*sts\.amazonaws\.com/s,
      'what the token is for, and what it should be for',
    )
    t.match(open.fixes.map(({ where, command }) => `${where}\n${command}`).join('\n'), /audience.*sts\.amazonaws\.com/s)
    t.match(
      open.fixes.map(({ command }) => command).join('\n'),
      new RegExp(`add-client-id-to-open-id-connect-provider.*${role.split(':')[4]}`),
    )
    const env = { CAUSEWAY_CONTROLLER: controller.url, CAUSEWAY_TOKEN: controller.token, XDG_CONFIG_HOME: data }
    const shown = await probeHere(['incident', open.id], env)
    t.equal(shown.status, 0, shown.stderr)
    t.match(shown.stdout, /sts\.amazonaws\.com/, 'as people read it')

    const secrets = [...secretsOf(world), ...enrolToken.split('.').slice(1)]
    t.ok(secrets.length >= 10, `${secrets.length} secrets to look for`)
    t.match(await agent.end(), { status: 0 })
    await controller.end('SIGTERM')
    t.strictSame(found(filesIn(data), secrets), [], "the controller's store and files")
    t.strictSame(found(filesIn(folder), secrets), [], "the agent's spool and files")
    t.strictSame(found(JSON.stringify([agent.said, controller.said]), secrets), [], 'both logs')
    t.strictSame(found(shown.stdout + JSON.stringify([google, aws, open]), secrets), [], 'what people read')
  },
)
