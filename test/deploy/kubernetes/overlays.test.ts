/** What is applied to a cluster: every overlay builds, is valid, asks for no privilege, and says what our own programs understand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig as readAgent } from '../../../agent/config/read.ts'
import { readConfig as readController } from '../../../controller/config/read.ts'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import { parsePolicy } from '../../../judge/policy-file.ts'
import { type Built, build, buildOwn, folders, noKustomize, podSpecOf } from './built.ts'
import { restrictedProblems, type Thing } from './restricted.ts'

type Container = {
  name: string
  args?: string[]
  env?: { name: string; value?: string }[]
  resources?: { limits?: Thing; requests?: Thing }
}
const containersOf = (object: Built): Container[] => (podSpecOf(object)?.['containers'] ?? []) as Container[]
const nameOf = ({ kind, metadata }: Built): string => `${kind} ${metadata.name}`

/** What the install pages have people make, and what may be absent. */
const madeByHand = ['ConfigMap causeway-ca', 'Secret causeway-tls', 'Secret causeway-store', 'Secret causeway-receivers']

const checkOverlay = async (t: Test, objects: readonly Built[]): Promise<void> => {
  for (const object of objects) {
    const spec = podSpecOf(object)
    if (!spec) continue
    t.strictSame(restrictedProblems(spec), [], `${nameOf(object)} is restricted`)
    for (const { name, resources = {} } of containersOf(object)) {
      t.notOk(resources.limits?.['cpu'], `${name} has no CPU limit`)
      t.ok(resources.requests?.['cpu'] && resources.requests['memory'] && resources.limits?.['memory'], `${name} says what it takes`)
    }
    const { metadata } = (object['spec'] as { template: { metadata: { labels: Thing } } }).template
    t.match(metadata.labels, { 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' })
    checkReferences(t, object, objects)
  }
  checkRights(t, objects)
  checkSelectors(t, objects)
  checkConfiguration(t, objects)
}

const checkReferences = (t: Test, object: Built, objects: readonly Built[]): void => {
  const known = new Set([...objects.map(nameOf), ...madeByHand])
  const text = JSON.stringify(podSpecOf(object))
  const named = [
    ...[...text.matchAll(/"configMap":\{[^{}]*?"name":"([^"]+)"/g)].map(([, name]) => `ConfigMap ${name}`),
    ...[...text.matchAll(/"secretName":"([^"]+)"/g)].map(([, name]) => `Secret ${name}`),
    ...[...text.matchAll(/"secret(?:Key)?Ref":\{[^{}]*?"name":"([^"]+)"/g)].map(([, name]) => `Secret ${name}`),
  ]
  for (const name of named) t.ok(known.has(name), `${nameOf(object)} refers to ${name}`)
}

/** Nobody may do anything, but for the one thing that the controller asks, and the one that an agent does. */
const rights: Readonly<Record<string, unknown>> = {
  'causeway-controller': [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }],
  'causeway-agent': [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
}
const checkRights = (t: Test, objects: readonly Built[]): void => {
  const roles = objects.filter(({ kind }) => /Role$/.test(kind))
  for (const role of roles) t.strictSame(role['rules'], rights[role.metadata.name], nameOf(role))
  const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
  const bindings = objects.filter(({ kind }) => /Binding$/.test(kind))
  t.equal(bindings.length, roles.length)
  for (const { metadata, roleRef, subjects } of bindings as (Built & { roleRef: { name: string }; subjects: Thing[] })[]) {
    t.ok(
      roles.some(role => role.metadata.name === roleRef.name),
      `${metadata.name} binds a role that there is`,
    )
    for (const { namespace, name } of subjects) t.ok(accounts.includes(`${namespace}/${name}`), `${namespace}/${name} is there`)
  }
  for (const object of objects.filter(({ metadata }) => metadata.name === 'agent')) {
    const spec = podSpecOf(object)
    if (!spec) continue
    const mayAsk = bindings.some(({ metadata }) => metadata.name === 'causeway-agent')
    t.equal(spec['automountServiceAccountToken'], mayAsk, 'an agent has a token for the API server, to ask where it stands')
  }
}

/** A policy without a selector would open every pod of the namespace, and a service without one reach none. */
const checkSelectors = (t: Test, objects: readonly Built[]): void => {
  const pods = objects.flatMap(object =>
    podSpecOf(object) ? [(object['spec'] as { template: { metadata: { labels: Thing } } }).template.metadata.labels] : [],
  )
  for (const object of objects) {
    const spec = object['spec'] as
      | { podSelector?: { matchLabels?: Thing }; selector?: Thing & { matchLabels?: Thing }; policyTypes?: string[] }
      | undefined
    const selector = {
      NetworkPolicy: spec?.podSelector?.matchLabels,
      Service: spec?.selector,
      PodDisruptionBudget: spec?.selector?.matchLabels,
    }[object.kind as 'Service']
    if (!['NetworkPolicy', 'Service', 'PodDisruptionBudget'].includes(object.kind)) continue
    t.ok(Object.keys(selector ?? {}).length > 0, `${nameOf(object)} says which pods`)
    t.ok(
      pods.some(labels => Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value)),
      `${nameOf(object)} has pods`,
    )
    if (object.kind === 'NetworkPolicy') t.strictSame(spec?.policyTypes, ['Ingress'], 'what is measured goes out')
  }
}

const checkConfiguration = (t: Test, objects: readonly Built[]): void => {
  const read = (data: Record<string, string>) => (path: string) => {
    const text = data[path.slice(path.lastIndexOf('/') + 1)]
    if (text === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' })
    return text
  }
  for (const { kind, ...object } of objects) {
    if (kind !== 'ConfigMap') continue
    const data = object['data'] as Record<string, string>
    const readFile = read({ ...data, 'ca.pem': '', 'tls.crt': '', 'tls.key': '' })
    if (data['fleet.yaml'] !== undefined) t.match(parseFleet(data['fleet.yaml']), { ok: true }, 'the fleet file is one')
    if (data['policy.yaml'] !== undefined) t.match(parsePolicy(data['policy.yaml']), { ok: true }, 'the policy is one')
    const sources = { exports: [], names: [], flags: {}, readFile, defaultData: () => '/var/lib/causeway' }
    if (data['controller.yaml'] !== undefined)
      t.match(
        readController({ ...sources, file: '/etc/causeway-config/controller.yaml', environment: {} }),
        { ok: true },
        'the controller takes its file',
      )
    if (data['agent.yaml'] !== undefined) checkAgent(t, objects, readFile)
  }
}

/** With the variables that its container has; what the kubelet fills in is filled in. */
const checkAgent = (t: Test, objects: readonly Built[], readFile: (path: string) => string): void => {
  const agents = objects.flatMap(containersOf).filter(({ args }) => args?.[0] === 'agent')
  t.equal(agents.length, 1)
  const variables = (agents[0]?.env ?? []).map(({ name, value }) => [name, value ?? (name.endsWith('_IP') ? '10.0.0.5' : 'x')] as const)
  const known = Object.fromEntries(variables)
  const environment = Object.fromEntries(
    variables.map(([name, value]) => [name, value.replace(/\$\((\w+)\)/g, (_, of: string) => known[of] ?? '')]),
  )
  const file = environment['CAUSEWAY_CONFIG']
  const given = { flags: {}, exports: [], environment, readFile, defaultData: () => '', ...(file !== undefined && { file }) }
  const config = readAgent(given)
  t.ok(config.ok, `the agent takes its file and variables${config.ok ? '' : `: ${config.problems.join('; ')}`}`)
  const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'agent')
  if (!service || !config.ok) return
  const ports = (service['spec'] as { ports: { name: string; nodePort: number }[] }).ports
  const node = environment['CAUSEWAY_ADVERTISE']!.split(',').find(one => one.startsWith('node='))!
  for (const { name, nodePort } of ports)
    if (name !== 'reflector') t.match(node, new RegExp(`${name}=${nodePort}`), `what is advertised as ${name} is the port of the node`)
}

t.test('overlays', { skip: noKustomize }, async t => {
  for (const folder of folders) await t.test(folder, t => checkOverlay(t, build(folder)))
})

t.test(
  'three agents in a zone of an EKS cluster: components go together, and are not drained all at once',
  { skip: noKustomize },
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'overlay-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const objects = buildOwn(folder, ['overlays/eks'], ['components/sparse'])
    await checkOverlay(t, objects)
    t.notOk(objects.some(({ kind }) => kind === 'DaemonSet'))
    t.ok(objects.some(({ kind, metadata }) => kind === 'PodDisruptionBudget' && metadata.name === 'agent'))
  },
)

/** A rule that lists ports lets no ICMP in where the network plugin takes it by the letter. */
t.test('agents of a cluster may ping one another', { skip: noKustomize }, async t => {
  type Rule = { ports?: unknown[]; from?: { podSelector?: { matchLabels: Thing } }[] }
  for (const folder of folders) {
    const policy = build(folder).find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'agent')
    if (!policy) continue
    const { podSelector, ingress } = policy['spec'] as { podSelector: { matchLabels: Thing }; ingress: Rule[] }
    const isForAgents = ({ ports, from = [] }: Rule): boolean =>
      !ports && from.some(peer => JSON.stringify(peer.podSelector) === JSON.stringify(podSelector))
    t.ok(ingress.some(isForAgents), folder)
  }
})

/** `v1` has no group; those of operators have schemas of their own. */
t.test('every object has the schema of a current Kubernetes', { skip: noKustomize }, async t => {
  const seen = new Set<string>()
  for (const object of folders.flatMap(build)) {
    const { apiVersion, kind } = object
    if (/coreos|spiffe/.test(apiVersion)) continue
    const models = (await import(`kubernetes-models/${apiVersion}/${kind}`)) as Record<string, new (data: unknown) => { validate(): void }>
    t.doesNotThrow(() => new models[kind]!(object).validate(), nameOf(object))
    seen.add(kind)
  }
  t.ok(seen.size >= 10)
})
