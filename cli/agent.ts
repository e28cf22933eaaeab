/** `probe agent`: measures for ever. Reads its words, starts the agent, and ends it when it is told to. */
import { type Agent, startAgent } from '../agent/agent.ts'
import type { AgentConfig } from '../agent/config/config.ts'
import { settings } from '../agent/config/layers.ts'
import { watchFiles } from '../agent/reload.ts'
import { keepHeapSmall, keepTrimming, openYoung } from '../agent/small-memory.ts'
import type { Parsed } from '../wire/values.ts'
import { configFileOf, readAgentConfig } from './agent-config.ts'
import { judgeAgentWords } from './agent-words.ts'
import type { Io } from './io.ts'
import { openLog } from './log.ts'
import type { Words } from './run-words.ts'
import { readVersion } from './version.ts'

/** How long what is measured already may still be sent after SIGTERM: Kubernetes waits 30 s. */
const closeWithinMs = 8000

/** Resolves with the exit code when the agent has ended: 0 after a signal, 2 for a configuration that can't be run. */
export const agentCommand = async (words: Words, io: Io): Promise<number> => {
  const { flags } = words
  const file = configFileOf(words, io)
  await using opened = new AsyncDisposableStack()
  // First of all: until somebody listens SIGHUP ends the process.
  const reloading = followChanges()
  process.on('SIGHUP', reloading.due)
  opened.defer(() => void process.off('SIGHUP', reloading.due))
  keepHeapSmall()
  const read = (): Parsed<AgentConfig> => readAgentConfig(words, io)
  const config = read()
  const controller = flags['controller']?.[0] ?? (io.env[settings.url.variable] || undefined)
  const problems = [...judgeAgentWords(words, file, controller), ...(config.ok ? [] : config.problems)]
  if (problems.length > 0 || !config.ok) return refuse(io, problems)
  const stopped = new Promise<string>(resolve => io.onStop(resolve))
  opened.defer(keepTrimming())
  opened.defer(
    watchFiles(
      [file, config.value.policyFile].filter(one => one !== undefined),
      reloading.due,
    ),
  )
  return await run(config.value, read, { io, reloading, stopped })
}

const refuse = (io: Io, problems: readonly string[]): number => {
  for (const problem of problems) io.stderr.write(`probe agent: ${problem}\n`)
  return 2
}

type Around = { io: Io; reloading: ReturnType<typeof followChanges>; stopped: Promise<string> }

const run = async (config: AgentConfig, read: () => Parsed<AgentConfig>, { io, reloading, stopped }: Around): Promise<number> => {
  const log = await openLog()
  const young = openYoung()
  const clock = { elapsedMs: io.elapsedMs, nowMs: () => io.now().getTime() }
  let agent: Agent
  try {
    agent = await startAgent(config, {
      clock,
      random: Math.random,
      log,
      version: readVersion(),
      environment: io.env,
      onPace: young.for,
      locate: async (locating, signal) => (await import('../agent/locate/locate.ts')).locate(locating, signal),
    })
  } catch (error) {
    return refuse(io, [error instanceof Error ? error.message : String(error)])
  }
  log.info({ ...agent.listening, paths: config.paths.length, agent: config.self.id }, 'measuring')
  reloading.to(() => {
    const next = read()
    if (!next.ok) agent.refused(next.problems.join('; '))
    else void agent.reload(next.value).catch(error => agent.refused(String(error)))
  })
  log.info(
    { signal: await stopped },
    `ending: sends what is left, for ${closeWithinMs / 1000} s at most; what an endpoint does not take stays on disk`,
  )
  reloading.to(() => {})
  young.close()
  await agent.close(closeWithinMs)
  log.info({}, 'ended')
  return 0
}

/** Changes that come before there is somebody to tell are told then, as one. */
const followChanges = () => {
  let isDue = false
  let tell: (() => void) | undefined
  return {
    due: (): void => {
      isDue = tell === undefined
      tell?.()
    },
    to(listener: () => void): void {
      tell = listener
      if (isDue) listener()
      isDue = false
    },
  }
}
