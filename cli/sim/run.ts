/** `probe sim`: starts the three clouds, says what is where, and keeps them until it is stopped. */
import { setTimeout as sleep } from 'node:timers/promises'
import { agents, cloudNames } from '../../deploy/sim/clouds/clouds.ts'
import type { AgentAnswer } from '../../wire/api/agents.ts'
import { asCalled } from '../as-called.ts'
import { exitCodeOfSignal, type Io } from '../io.ts'
import { printable } from '../printable.ts'
import { CannotSimulate, openSimulation, type Simulation } from './open.ts'
import { mapText, nextText } from './text.ts'

export type RunOptions = { port: number }

const banner = 'Three clouds on this machine: aws, azure and gcp, each with two agents and two services behind mutual TLS.\n\n'

/** Runs `work` with a simulation of its own, and ends that. Returns the exit code: 3 where none can be, 130 or 143 when it was stopped. */
export const withOwnSimulation = async (
  { port }: RunOptions,
  io: Io,
  work: (simulation: Simulation, stop: AbortSignal) => Promise<number>,
): Promise<number> => {
  const stopped = new AbortController()
  let code: number | undefined
  const forget = io.onStop(signal => {
    code ??= exitCodeOfSignal[signal]
    stopped.abort()
  })
  let isOver = false
  const begunMs = io.elapsedMs()
  const seconds = (): string => ((io.elapsedMs() - begunMs) / 1000).toFixed(1).padStart(5)
  const say = (text: string): unknown => io.stdout.write(`${seconds()} s  ${text}\n`)
  const onEnd = (who: string, words: string): void => {
    if (isOver || stopped.signal.aborted) return
    io.stderr.write(`probe sim: ${who} has ended, and with it the simulation${words === '' ? '' : `: ${printable(words).slice(0, 300)}`}\n`)
    code ??= 3
    stopped.abort()
  }
  try {
    const onBegin = (): unknown => io.stdout.write(banner)
    const simulation = await openSimulation({ port, io, onBegin, say, onEnd }, stopped.signal)
    try {
      await untilMeasured(simulation, say, stopped.signal)
      const result = await work(simulation, stopped.signal)
      return code ?? result
    } finally {
      isOver = true
      await simulation.close()
    }
  } catch (error) {
    if (code !== undefined) return code
    io.stderr.write(`probe sim: ${asCalled(error instanceof Error ? error.message : String(error), io.env)}\n`)
    return error instanceof CannotSimulate ? 3 : 1
  } finally {
    forget()
  }
}

export const runSimulation = (options: RunOptions, io: Io): Promise<number> =>
  withOwnSimulation(options, io, async (simulation, stop) => {
    const status = simulation.status()
    io.stdout.write(`\n${mapText(status)}\n${asCalled(nextText(status), io.env)}`)
    await new Promise<void>(resolve => {
      if (stop.aborted) resolve()
      stop.addEventListener('abort', () => resolve())
    })
    return 0
  })

type LinkPage = { items: { measured: { rttMs?: unknown } | null }[] }
const lookEveryMs = 500

/** Waits until every agent is there and every link has been measured. */
const untilMeasured = async ({ client }: Simulation, say: (text: string) => unknown, stop: AbortSignal): Promise<void> => {
  const wanted = cloudNames.length * (cloudNames.length - 1)
  let isAnybodyThere = false
  for (;;) {
    const found = await client.ask<{ items: AgentAnswer[] }>('/v1/agents', {}, stop)
    const live = found.ok ? found.value.items.filter(({ state }) => state === 'live').length : 0
    if (live === agents.length && !isAnybodyThere) say('the controller has them, and tells them what to probe')
    isAnybodyThere ||= live === agents.length
    const links = await client.ask<LinkPage>('/v1/links', {}, stop)
    const measured = links.ok ? links.value.items.filter(link => link.measured?.rttMs).length : 0
    stop.throwIfAborted()
    if (isAnybodyThere && measured >= wanted) return void say('every link is measured')
    await sleep(lookEveryMs, undefined, { signal: stop })
  }
}
