/** `probe sim tour`: three faults, one after the other: what is broken, what the controller says of it, and that it notices the repair. */
import { setTimeout as sleep } from 'node:timers/promises'
import { faultNamed } from '../../deploy/sim/clouds/faults.ts'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { asCalled } from '../as-called.ts'
import type { Client } from '../controller-client.ts'
import { openClient } from '../controller-client.ts'
import { exitCodeOfSignal, type Io } from '../io.ts'
import { printable } from '../printable.ts'
import { askSimulation, type Question, type Reply } from './control.ts'
import { type RunOptions, withOwnSimulation } from './run.ts'
import { controlSocket, readSimulatedLogin } from './state.ts'
import { hanging, widthOf } from './text.ts'

/** One of the network, one of identities, one that takes everything along. */
const stops = ['mtu-black-hole', 'wrong-identity', 'region-egress'] as const

type Ask = (question: Question) => Promise<Reply | undefined>
type Stage = { ask: Ask; client: Client; io: Io; stop: AbortSignal }

const lookEveryMs = 1000
const waitAtMostMs = 180_000

/** With the simulation that runs here, or with one of its own. Returns 1 when a fault was not found. */
export const tourCommand = async (options: RunOptions, io: Io): Promise<number> => {
  const path = controlSocket(io.env)
  const running = await askSimulation(path, { ask: 'status' })
  const login = readSimulatedLogin(io.env)
  if (!running?.status || !login)
    return withOwnSimulation(options, io, ({ client, answer }, stop) => play({ ask: answer, client, io, stop }))
  const stopped = new AbortController()
  let code = 0
  const forget = io.onStop(signal => {
    code = exitCodeOfSignal[signal]
    stopped.abort()
  })
  const client = openClient(login)
  try {
    return await play({ ask: question => askSimulation(path, question), client, io, stop: stopped.signal })
  } catch (error) {
    if (code) return code
    throw error
  } finally {
    forget()
    await client.close()
  }
}

const play = async (stage: Stage): Promise<number> => {
  const width = widthOf(stage.io)
  let missed = 0
  for (const [at, name] of stops.entries()) {
    const { story, expect } = faultNamed(name)!
    stage.io.stdout.write(`\n${at + 1} of ${stops.length}  ${name}\n${hanging('  ', story, width)}${hanging('  expect  ', expect, width)}`)
    if (!(await playOne(name, stage))) missed += 1
  }
  stage.io.stdout.write(asCalled('\nThat is the tour. probe sim fault list shows what else can be broken.\n', stage.io.env))
  return missed > 0 ? 1 : 0
}

/** Off again whatever happens. False: nothing was said of it in time. */
const playOne = async (name: string, { ask, client, io, stop }: Stage): Promise<boolean> => {
  // A command stands whole, to be copied.
  const say = (text: string): unknown => io.stdout.write(asCalled(`  ${printable(text)}\n`, io.env))
  const tell = (head: string, text: string): unknown => io.stdout.write(hanging(`  ${head}`, printable(text), widthOf(io)))
  const known = new Set((await listIncidents(client, stop)).map(({ id }) => id))
  const begunMs = io.elapsedMs()
  await ask({ ask: 'fault', name, on: true })
  try {
    const found = await until(io, stop, async () => (await listIncidents(client, stop)).find(({ id }) => !known.has(id)))
    const tookS = Math.round((io.elapsedMs() - begunMs) / 1000)
    if (!found) {
      say(`after ${tookS} s nothing is said of it: probe get incidents`)
      return false
    }
    tell(`after ${tookS} s  `, `${found.title} (${found.cause})`)
    const whole = await client.ask<IncidentAnswer>(`/v1/incidents/${encodeURIComponent(found.id)}`, {}, stop)
    for (const fact of whole.ok ? whole.value.evidence.slice(0, 3) : []) tell('  · ', fact)
    for (const { where, command } of whole.ok ? whole.value.fixes.slice(0, 1) : []) {
      tell('  fix: ', where)
      say(`       ${command.split('\n')[0]}`)
    }
    say(`  all of it: probe incident ${found.id}`)
    await ask({ ask: 'fault', name, on: false })
    const isOver = await until(io, stop, async () => !(await listIncidents(client, stop)).some(({ id }) => id === found.id))
    say(isOver ? 'repaired, and the incident has ended' : 'repaired; the incident has not ended yet')
    return true
  } finally {
    await ask({ ask: 'fault', name, on: false })
  }
}

/** Those that are open. */
const listIncidents = async (client: Client, stop: AbortSignal): Promise<IncidentHead[]> => {
  const answer = await client.ask<{ items: IncidentHead[] }>('/v1/incidents', {}, stop)
  stop.throwIfAborted()
  if (!answer.ok) throw new Error(answer.message)
  return answer.value.items.filter(({ state }) => state !== 'ended')
}

const until = async <T>(io: Io, stop: AbortSignal, look: () => Promise<T | undefined | false>): Promise<T | undefined> => {
  const endMs = io.elapsedMs() + waitAtMostMs
  while (io.elapsedMs() < endMs) {
    const found = await look()
    if (found) return found
    await sleep(lookEveryMs, undefined, { signal: stop })
  }
  return undefined
}
