/** A fleet that is made up, window by window, over a real store: what the tests of alerts play. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openGather } from '../../../controller/alert/gather.ts'
import { type AlertTerm, startAlertTerm } from '../../../controller/alert/term.ts'
import type { MinuteSeen } from '../../../controller/alert/windows.ts'
import { openFleet } from '../../../controller/fleet/current.ts'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import type { Cell, PathAggregate } from '../../../controller/history/aggregate.ts'
import { putAgent, touchAgent } from '../../../controller/store/agents.ts'
import { putAssigned } from '../../../controller/store/assigned.ts'
import { putDocument } from '../../../controller/store/documents.ts'
import type { Sql } from '../../../controller/store/sql.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import type { Store } from '../../../controller/store/store.ts'
import { type FailReason, layerOfReason } from '../../../wire/reasons.ts'

export const tickMs = 10_000
export const startMs = Date.parse('2026-11-22T08:00:00Z')
export type Agent = { id: string; cloud: string; region: string }
export type Path = { from: Agent; to: Agent; check: 'icmp' | 'tcp' | 'mtu' | 'mtls'; target: string }
/** What came of a path in one window. Nothing: it was not measured. */
export type Window = { ok?: number; fail?: number; reason?: string; unmeasured?: number; mtu?: [number, number]; cells?: Cell[] }
export type Play = (path: Path, tick: number) => Window | undefined

export const agents: Agent[] = ['aws/us-east-1', 'aws/us-west-2', 'azure/eastus', 'azure/westus', 'gcp/us-central1'].flatMap(place => {
  const [cloud = '', region = ''] = place.split('/')
  return [1, 2, 3].map(k => ({ id: `${region}-${k}`, cloud, region }))
})
export const regionOf = ({ cloud, region }: Agent): string => `${cloud}/${region}`
const suffix = { icmp: '', tcp: '', mtu: '/tls', mtls: '/mtls' } as const
export const allPaths: Path[] = agents.flatMap(from =>
  agents.flatMap(to =>
    from === to ? [] : (['icmp', 'tcp', 'mtu'] as const).map(check => ({ from, to, check, target: `agent/${to.id}${suffix[check]}` })),
  ),
)

const cellsOf = ({ ok = 0, fail = 0, reason = '', unmeasured = 0, mtu, cells = [] }: Window): Cell[] => {
  const runs = (count: number, ...variant: string[]): Cell[] =>
    count > 0 ? [{ column: { key: 'runs', form: 'sum', variant }, value: count }] : []
  const size = (value: number, way: string): Cell => ({ column: { key: 'pathMtu', form: 'last', variant: [way] }, value })
  return [
    ...runs(ok, 'ok', ''),
    ...runs(fail, 'fail', reason),
    ...runs(unmeasured, 'unmeasured', reason),
    ...(mtu ? [size(mtu[0], 'forward'), size(mtu[1], 'reverse')] : []),
    ...cells,
  ]
}

const aggregateOf = (path: Path, window: Window): PathAggregate => ({
  labels: {
    check: path.check,
    kind: path.check,
    target: path.target,
    host: path.to.id,
    source: { cloud: path.from.cloud, region: path.from.region },
    destination: { cloud: path.to.cloud, region: path.to.region },
  },
  cells: cellsOf(window),
})

export const minutesOf = (play: Play, tick: number, paths: readonly Path[] = allPaths): MinuteSeen[] => {
  const atMs = startMs + tick * tickMs
  const minute = Math.floor(atMs / 60_000) * 60_000
  return [...Map.groupBy(paths, ({ from }) => from.id)].map(([agent, its]) => ({
    agent,
    startMs: minute,
    open: [],
    closed: [
      {
        startMs: minute,
        spanMs: 60_000,
        paths: its.flatMap(path => {
          const window = play(path, tick)
          return window ? [aggregateOf(path, window)] : []
        }),
      },
    ],
  }))
}

/** The layer a reason is of: for plays that break one check and not another. */
export const isBelow = (reason: FailReason, layer: string): boolean => layerOfReason(reason) === layer

const fleetText = `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }, { name: mtu, kind: mtu, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp, mtu], policy: full }]
alerts: { receivers: [{ name: hook, type: webhook, url: "http://127.0.0.1:1/" }], routes: [{ to: [hook] }] }
`

/** Hours that are played in seconds commit thousands of times, and nothing here is about disks: Linux has files in memory. */
const inMemory = '/dev/shm'
const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

export const openStore = async (t: Test): Promise<Store> => {
  const directory = mkdtempSync(join(isDirectory(inMemory) ? inMemory : tmpdir(), 'causeway-alert-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  t.teardown(async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return store
}

/** Agents, what they are to do, and the fleet file. */
export const settle = async (store: Store, text = fleetText): Promise<void> => {
  const parsed = parseFleet(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  await store.write(async sql => {
    for (const { id, cloud, region } of agents) {
      const made = {
        id,
        location: { cloud, region },
        labels: {},
        advertise: [],
        details: {},
        proof: { kind: 'join' as const, issuer: 'c', subject: id },
      }
      await putAgent(sql, made, startMs)
      const own = Map.groupBy(
        allPaths.filter(({ from }) => from.id === id),
        ({ check }) => check,
      )
      await putAssigned(sql, {
        agentId: id,
        paths: Array.from(own, ([check, its]) => ({ check, targets: its.map(({ target }) => target) })),
        atMs: startMs,
      })
    }
    await putDocument(sql, { document: parsed.value, author: 'test', nowMs: startMs })
  })
}

export type Stage = {
  clock: { tick: number }
  /** As a process that starts anew: all that it knows is in the store. */
  begin(): Promise<AlertTerm>
  play: { is: Play }
  /** Agents that are silent, by tick. */
  silent: { is: (agent: string, tick: number) => boolean }
}

export const openStage = async (
  store: Store,
  write: (work: (sql: Sql) => Promise<unknown>) => Promise<unknown> = work => store.write(work),
): Promise<Stage> => {
  const clock = { tick: 0 }
  const play: Stage['play'] = { is: () => ({ ok: 1 }) }
  const silent: Stage['silent'] = { is: () => false }
  const fleet = await openFleet(store)
  return {
    clock,
    play,
    silent,
    begin: () =>
      startAlertTerm({
        store,
        write: write as <T>(work: (sql: Sql) => Promise<T>) => Promise<T>,
        nowMs: () => startMs + clock.tick * tickMs,
        gather: openGather(store, fleet),
        recent: {
          read: async (_nowMs, take) => {
            const heard = allPaths.filter(({ from }) => !silent.is(from.id, clock.tick))
            for (const minute of minutesOf(play.is, clock.tick, heard)) take(minute, false)
          },
        },
      }),
  }
}

/** Who is heard of in this tick. */
export const touchAll = (store: Store, stage: Stage): Promise<void> =>
  store.write(async sql => {
    for (const { id } of agents) if (!stage.silent.is(id, stage.clock.tick)) await touchAgent(sql, id, startMs + stage.clock.tick * tickMs)
  })
