/** A whole agent in this process, with a check of every kind on servers of its own on loopback. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { type Agent, startAgent } from '../../agent/agent.ts'
import type { AgentConfig } from '../../agent/config/config.ts'
import { readConfig } from '../../agent/config/read.ts'
import type { Log } from '../../agent/log.ts'
import { startResponder } from '../../agent/responder/responder.ts'
import type { Ledger } from '../../agent/spool/options.ts'
import { openSpool } from '../../agent/spool/spool.ts'
import type { kinds } from '../../wire/result.ts'
import { makeAuthority } from '../servers/authority.ts'
import { bundleEndpoints, endpointPath } from '../servers/bundle-endpoint.ts'
import { role, startWorld } from '../servers/cloud-world.ts'
import { startDns } from '../servers/dns-server.ts'
import { startHttps } from '../servers/http-servers.ts'
import { startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { tlsServers } from '../servers/tls-servers.ts'

export type Running = {
  agent: Agent
  /** Its own address, with `/metrics`. */
  page(): Promise<string>
  /** Ends it; rejects when it does not end. */
  close(): Promise<void>
  /** After its end, what the files in its spool say. */
  ledger(endpoint: string): Promise<Ledger>
  lines: { level: string; facts: Record<string, unknown>; message: string }[]
}

/** A directory that goes with the test. */
export const temporary = (t: Test): string => {
  const directory = mkdtempSync(join(tmpdir(), 'agent-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Reads a configuration as the command does; loopback is allowed. */
export const configure = (directory: string, file: object): AgentConfig => {
  const [path, policy] = [join(directory, 'agent.yaml'), join(directory, 'policy.yaml')]
  writeFileSync(policy, 'allow: [127.0.0.0/8]\n')
  const fixed = { agent: { id: 'lab', interception: 'off', cloud: 'aws', region: 'us-east-1' }, data: directory, listen: 'off', policy }
  writeFileSync(path, stringify({ ...fixed, ...file }))
  const config = readConfig({
    file: path,
    flags: {},
    exports: [],
    environment: {},
    readFile: name => readFileSync(name, 'utf8'),
    defaultData: () => directory,
  })
  if (!config.ok) throw new Error(config.problems.join('\n'))
  return { ...config.value, listen: { host: '127.0.0.1', port: 0 } }
}

type Around = { environment?: Record<string, string>; random?: () => number }

/** Starts an agent that ends with the test, if not before. */
export const run = async (t: Test, config: AgentConfig, { environment = {}, random = Math.random }: Around = {}): Promise<Running> => {
  const lines: Running['lines'] = []
  const note = (level: string) => (facts: Record<string, unknown>, message: string) => void lines.push({ level, facts, message })
  const log: Log = { info: note('info'), warn: note('warn'), error: note('error') }
  const clock = { elapsedMs: () => performance.now(), nowMs: Date.now }
  const agent = await startAgent(config, { clock, random, log, version: '0.0.0', environment })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= agent.close(5000))
  t.teardown(close)
  return {
    agent,
    page: async () => await (await fetch(`http://127.0.0.1:${agent.listening.web}/metrics`)).text(),
    close,
    ledger: async endpoint => {
      await close()
      const spool = await openSpool({
        directory: `${config.data}/spool`,
        endpoints: config.endpoints.map(({ name }) => name),
        nowMs: Date.now,
        flushEveryMs: 0,
      })
      const ledger = spool.ledger(endpoint)
      await spool.close()
      return ledger
    },
    lines,
  }
}

/** Targets and checks of every kind, each with a server that is well. */
export const everyKind = async (t: Test, directory: string): Promise<{ targets: object[]; checks: object[] }> => {
  const [authority, ours, theirs] = await Promise.all([
    makeAuthority({ name: 'lab root' }),
    makeTrustDomain('aws.test'),
    makeTrustDomain('azure.test'),
  ])
  const web = await authority.issue({ names: ['svc.test'], addresses: ['127.0.0.1'] })
  const [responder, tls, mtls, http, bundle, dns, svid] = await Promise.all([
    startResponder({ agentId: 'far', bind: ['127.0.0.1'], ports: { tcp: 0, udp: 0 } }),
    tlsServers.healthy({ authority, names: ['svc.test'], addresses: ['127.0.0.1'] }),
    startMtls('accepts and greets', { domain: theirs, accepts: [ours] }),
    startHttps((_request, response) => setTimeout(() => response.end('well\n'), 5), web),
    bundleEndpoints.https_spiffe(theirs, authority),
    startDns({ records: { 'db.test': ['10.1.2.3'] } }),
    ours.issue({ path: '/agent' }),
  ])
  for (const { close } of [responder, tls, mtls, http, bundle, dns]) t.teardown(close)
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const identity = { certFile: write('svid.pem', svid.chainPem), keyFile: write('svid.key', svid.keyPem) }
  const clouds = await startWorld()
  t.teardown(() => clouds[Symbol.asyncDispose]())
  const federation = {
    ...{ tokenFile: await clouds.tokenFile('eks'), roleArn: role },
    ...{ endpoint: clouds.aws.url, caFile: clouds.caFile },
  }
  const bundles = { [theirs.name]: write('theirs.json', theirs.document()) }
  const target = (name: string, port: number, more: object = {}) => ({
    name,
    address: `127.0.0.1:${port}`,
    location: 'azure/eastus',
    ...more,
  })
  const check = (kind: (typeof kinds)[number], name: string, options: object = {}, every = '2s') => ({
    name: `each-${kind}`,
    kind,
    every,
    targets: [name],
    options,
  })
  return {
    targets: [
      { name: 'host', address: '127.0.0.1', location: 'azure/eastus' },
      { name: 'name', address: 'db.test' },
      target('stream', responder.ports.tcp!, { agentId: 'far' }),
      target('datagrams', responder.ports.udp!, { agentId: 'far' }),
      target('web', tls.port, { tls: { sni: 'svc.test' } }),
      target('service', mtls.port, { expectId: `${theirs.id}/server` }),
      target('site', http.port, { path: '/health', tls: { sni: 'svc.test' } }),
      { name: 'aws', address: 'aws' },
      target('authorities', bundle.port, { expectId: `${theirs.id}${endpointPath}` }),
    ],
    checks: [
      check('icmp', 'host', { count: 3, intervalMs: 10 }),
      check('trace', 'host', { queries: 1 }),
      check('dns', 'name', { resolvers: [`127.0.0.1:${dns.port}`] }),
      check('tcp', 'stream', { payloadBytes: 65_536 }),
      check('udp', 'datagrams', { count: 20, intervalMs: 2 }),
      check('tls', 'web', { ca: authority.certPem }),
      check('mtu', 'web', {}, '10s'),
      check('mtls', 'service', { ...identity, bundles }),
      check('http', 'site', { ca: authority.certPem }),
      check('bundle', 'authorities', { trustDomain: theirs.name, bundles }, '3s'),
      check('federation', 'aws', federation, '3s'),
    ],
  }
}
