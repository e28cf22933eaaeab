/** A whole controller with a secret of every kind, used and misused: none is in anything that it answers, logs, counts or stores. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { startController } from '../../../controller/controller.ts'
import { openStore, type StoreOptions } from '../../../controller/store/open.ts'
import { Secret } from '../../../wire/secret.ts'
import { waitFor } from '../../interop/programs.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'

const canary = (name: string): string => `canary-${name}-${randomBytes(8).toString('hex')}`
const fleet = `apiVersion: causeway/v1
owner: platform
alerts:
  receivers:
    - { name: hook, type: webhook, url: { env: HOOK_URL }, signingKey: { env: HOOK_KEY } }
    - { name: chat, type: slack, url: { file: /run/secrets/slack } }
  routes: [{ to: [hook, chat] }]
`
/** Every route of people that only reads, with what it needs. */
const pathsOf = (documented: Record<string, Record<string, { security?: object[] }>>): string[] =>
  Object.entries(documented)
    .filter(([, methods]) => methods['get'] && !JSON.stringify(methods['get'].security ?? []).includes('agent'))
    .map(([path]) => path.replace('{id}', 'vm-1'))

t.test('secrets are in no answer, event, log line, number or row', { skip: needsPostgres }, async t => {
  const cluster = await startCluster()
  const data = mkdtempSync(join(tmpdir(), 'causeway-secrets-'))
  const received: string[] = []
  const collector = createServer((request, response) => {
    received.push(String(request.headers['x-key']))
    request.resume().on('end', () => response.writeHead(200).end())
  }).listen(0, '127.0.0.1')
  t.teardown(async () => {
    collector.close()
    collector.closeAllConnections()
    await cluster.remove()
    rmSync(data, { recursive: true, force: true })
  })
  const [password, header, hookUrl, hookKey] = [canary('password'), canary('header'), canary('hook-url'), canary('hook-key')]
  const { url: plainUrl } = await cluster.database()
  const store: StoreOptions = { directory: data, url: new Secret(plainUrl.reveal().replace('causeway@', `causeway:${password}@`)) }
  let logged = ''
  const log = pino({ level: 'trace' }, new Writable({ write: (text, _encoding, done) => done(void (logged += String(text))) }))
  const controller = await startController(
    {
      listen: { host: '127.0.0.1', port: 0, scheme: 'http' },
      names: [],
      data,
      store: { url: store.url! },
      exports: [
        { url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`, headers: { 'x-key': new Secret(header) }, everyMs: 1000 },
      ],
      retention: { minutesMs: 3_600_000, tenMinutesMs: 3_600_000, hoursMs: 3_600_000 },
    },
    {
      ...{ log, version: '0.0.0', hostname: 'here', addresses: [], chance: Math.random, random: bytes => randomBytes(bytes) },
      environment: { HOOK_URL: `https://hooks.example/${hookUrl}`, HOOK_KEY: hookKey },
      nowMs: Date.now,
      print: () => {},
      elapsedMs: () => performance.now(),
    },
  )
  const admin = controller.bootstrap!.reveal()
  const answers: string[] = []
  /** `isTold`: this answer is where a secret is told, once. */
  const ask = async (
    method: string,
    path: string,
    bearer?: string,
    body?: object | string,
    isTold = false,
  ): Promise<Record<string, string>> => {
    const type = typeof body === 'string' ? 'application/yaml' : 'application/json'
    const answer = await fetch(`http://127.0.0.1:${controller.port}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': type }), ...(bearer && { authorization: `Bearer ${bearer}` }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(3000),
    })
    let text = JSON.stringify([...answer.headers])
    // Streams are read for as long as that lasts.
    const decoder = new TextDecoder()
    for await (const part of answer.body ?? []) {
      text += decoder.decode(part, { stream: true })
      if (answer.headers.get('content-type') === 'text/event-stream' && text.includes('agent_enrolled')) break
    }
    if (!isTold) answers.push(text)
    return isTold ? (JSON.parse(text.slice(JSON.stringify([...answer.headers]).length)) as Record<string, string>) : {}
  }
  const join_ = async () => (await ask('POST', '/v1/join-tokens', admin, { agent: 'vm-1', cloud: 'aws', region: 'r1' }, true))['token']!
  const [used, unused] = [await join_(), await join_()]
  const enrol = { proof: { kind: 'join', token: used } }
  const credential = (await ask('POST', '/v1/enrol', undefined, enrol, true))['credential']!
  const renewed = (await ask('POST', '/v1/enrol/renew', credential, {}, true))['credential']!
  await ask('PUT', '/v1/fleet', admin, fleet)
  // Misused: where others belong, twice, and in places where they are repeated.
  await ask('POST', '/v1/enrol', undefined, enrol)
  await ask('POST', '/v1/enrol', undefined, { proof: { kind: 'kubernetes', token: unused } })
  await ask('POST', '/v1/enrol', undefined, { proof: { kind: 'join', token: [unused] } })
  await ask('POST', '/v1/enrol', undefined, { proof: { kind: unused, token: 'join' } })
  for (const secret of [used, unused, credential, renewed]) await ask('GET', '/v1/agents', secret)
  for (const secret of [admin, used]) await ask('POST', '/v1/metrics', secret, {})
  const { paths } = (await (await fetch(`http://127.0.0.1:${controller.port}/docs/json`)).json()) as {
    paths: Parameters<typeof pathsOf>[0]
  }
  await waitFor('export', async () => (received.includes(header) ? true : undefined))
  for (const path of pathsOf(paths)) await ask('GET', path === '/v1/events' ? '/v1/events?after=0' : path, admin)
  t.ok(
    answers.some(text => text.includes('HOOK_KEY')),
    'the fleet is answered, with where its secrets are',
  )
  const rows = await openStore({ ...store })
  const tables = (
    await cluster.query(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
      new URL(plainUrl.reveal().replace('@/', '@x/')).pathname.slice(1),
    )
  ).map(({ tablename }) => String(tablename))
  const stored = await rows.read(async sql => {
    const all: string[] = []
    // The controller's own keys are in its settings: they have to be.
    for (const table of tables.filter(one => one !== 'settings'))
      all.push(...(await sql.all(`SELECT * FROM ${table}`)).map(row => JSON.stringify(row)))
    return all
  })
  await rows.close()
  t.ok(
    stored.length > 10 && answers.length > 20 && logged.length > 0,
    `${stored.length} rows, ${answers.length} answers, ${logged.length} characters of log`,
  )
  await controller.close()
  const secrets = { password, header, hookUrl, hookKey, admin, used, unused, credential, renewed }
  for (const [name, secret] of Object.entries(secrets))
    for (const [where, texts] of Object.entries({ answers, stored, log: [logged] })) {
      const found = texts.find(text => text.includes(secret))
      t.equal(found, undefined, `${name} is not in: ${where}`)
    }
})
