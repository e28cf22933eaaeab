/** The controller's API in this process, over a store of its own: what the tests of the routes have. */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { startAssigning, type Timing } from '../../../controller/assign/assigning.ts'
import { makeJoinToken } from '../../../controller/enrol/join-token.ts'
import { makePersonToken } from '../../../controller/enrol/person.ts'
import { loadSigner } from '../../../controller/enrol/signer.ts'
import { openFleet } from '../../../controller/fleet/current.ts'
import type { Delivery } from '../../../controller/ingest/delivery.ts'
import { openCounters } from '../../../controller/metrics.ts'
import { startDelivery } from '../../../controller/notify/delivery.ts'
import type { Role } from '../../../controller/store/people.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { buildApp } from '../../../controller/web/app.ts'
import type { Parts } from '../../../controller/web/parts.ts'
import type { CredentialAnswer } from '../../../wire/api/enrol.ts'
import type { OtlpAnswer } from '../../../wire/otlp-answer.ts'
import { trustIssuers } from '../enrol/issuer.ts'
import { historyOf } from './history-of.ts'

export const startMs = Date.parse('2026-11-22T08:00:00Z')

export type Api = {
  app: FastifyInstance
  parts: Parts
  /** Moves with the hand. */
  clock: { ms: number }
  /** What reached ingest, and what it answers. */
  delivered: Delivery[]
  answers: { next: OtlpAnswer }
  /** Requests are counted by name. */
  person(role: Role, name?: string): Promise<string>
  join(agentId: string, location?: { cloud: string; region: string }): Promise<string>
  enrolled(agentId: string): Promise<CredentialAnswer>
  call(bearer: string | undefined, request: InjectOptions): Promise<LightMyRequestResponse>
}

/** As fast as it goes: nobody waits for what is not there. */
export const timing: Partial<Timing> = { debounceMs: 5, rollingMs: 20, flushMs: 5, pollMs: 1000, leaseRenewMs: 100 }

export const openApi = async (t: Test, more: Partial<Parts> = {}, tls?: TlsOptions): Promise<Api> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-api-'))
  const store = more.store ?? (await openSqlite({ path: join(directory, 'controller.db') }))
  const clock = { ms: startMs }
  const random = (bytes: number) => randomBytes(bytes)
  const keys = await trustIssuers(clock)
  const delivered: Delivery[] = []
  const answers: Api['answers'] = { next: { kind: 'taken', rejected: 0, message: '' } }
  const { pino } = await import('pino')
  const log = pino({ level: 'silent' })
  const [counters, fleet] = [openCounters(), await openFleet(store)]
  const ending = more.ending ?? new AbortController().signal
  const nowMs = () => clock.ms
  const assigning =
    more.assigning ??
    (await startAssigning({ store, fleet, nowMs, holder: 'test', log, counters, signal: ending, timing, limits: { holdMs: 0 } }))
  const notifying = startDelivery({
    ...{ store, nowMs, log, counters, environment: {}, holder: 'test', random: Math.random, newId: randomUUID },
    ...{ isLeader: () => false, isJudging: () => false, print: () => {}, readFile: path => readFile(path, 'utf8') },
    receivers: async () => (await fleet.refresh()).merged.alerts.receivers,
  })
  const parts: Parts = {
    store,
    nowMs,
    random,
    log,
    version: '0.0.0',
    counters,
    signer: await loadSigner({ store, random, nowMs: clock.ms }),
    keys,
    fleet,
    bundles: () => new Map(),
    ingest: {
      receive: async delivery => {
        delivered.push(delivery)
        return answers.next
      },
    },
    history: historyOf(store),
    assigning,
    notifying,
    problems: async () => [],
    ending,
    ...more,
  }
  const app = await buildApp(parts, tls)
  t.teardown(async () => {
    await Promise.all([assigning.close(), notifying.close()])
    await app.close()
    await Promise.all([store.close(), keys.close()])
    rmSync(directory, { recursive: true, force: true })
  })
  const call: Api['call'] = async (bearer, request) =>
    await app.inject({
      ...request,
      headers: { ...request.headers, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) },
    })
  const join_: Api['join'] = async (agentId, location = { cloud: 'aws', region: 'us-east-1' }) => {
    const { token } = await makeJoinToken({ store, random, nowMs: clock.ms }, { agentId, location, author: 'test' })
    return token.reveal()
  }
  return {
    app,
    parts,
    clock,
    delivered,
    answers,
    call,
    person: async (role, name = `a ${role}`) =>
      (await makePersonToken({ store, random, nowMs: clock.ms }, { name, role, author: 'test' })).reveal(),
    join: join_,
    enrolled: async agentId => {
      const answer = await call(undefined, {
        method: 'POST',
        url: '/v1/enrol',
        payload: { proof: { kind: 'join', token: await join_(agentId) } },
      })
      return answer.json<CredentialAnswer>()
    },
  }
}
