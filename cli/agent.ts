/** `probe agent`: measures for ever. Reads its words, starts the agent, and ends it when it is told to. */
import { readFileSync } from 'node:fs'
import { type Agent, startAgent } from '../agent/agent.ts'
import { settings } from '../agent/config/layers.ts'
import { readConfig } from '../agent/config/read.ts'
import { defaultDataDirectory } from '../agent/data-directory.ts'
import { watchFiles } from '../agent/reload.ts'
import { keepHeapSmall, keepTrimming } from '../agent/small-memory.ts'
import { quote } from '../wire/values.ts'
import type { Io } from './io.ts'
import { openLog } from './log.ts'
import type { Words } from './run-words.ts'
import { readVersion } from './version.ts'

/** Flags that are about the command; the others are the agent's settings. */
const own = ['config', 'export'] as const
const known = [...own, ...Object.values(settings).map(({ flag }) => flag)] as readonly string[]
/** How long what is measured already may still be sent after SIGTERM: Kubernetes waits 30 s. */
const closeWithinMs = 8000

/** Resolves with the exit code when the agent has ended: 0 after a signal, 2 for a configuration that can't be run. */
export const agentCommand = async ({ targets, flags }: Words, io: Io): Promise<number> => {
  keepHeapSmall()
  const file = flags['config']?.[0] ?? (io.env['CAUSEWAY_CONFIG'] || undefined)
  const words = [
    ...targets.map(
      word =>
        `agent: ${quote(word)} does not belong here, ${/\.ya?ml$/.test(word) ? `did you mean --config ${word}?` : 'targets are in the file, --config'}`,
    ),
    ...(file === undefined ? ['no configuration: --config <file>, or CAUSEWAY_CONFIG; examples/agent.yaml is one'] : []),
    ...Object.keys(flags).flatMap(name =>
      known.includes(name) ? [] : [`--${name}: unknown option of agent, it has ${known.map(one => `--${one}`).join(' ')}`],
    ),
    ...Object.entries(flags).flatMap(([name, values = []]) => (name !== 'export' && values.length > 1 ? [`--${name}: given twice`] : [])),
  ]
  const read = () =>
    readConfig({
      file,
      flags: Object.fromEntries(Object.entries(flags).map(([name, values]) => [name, values?.[0]])),
      exports: flags['export'] ?? [],
      environment: io.env,
      readFile: path => readFileSync(path, 'utf8'),
      defaultData: () => defaultDataDirectory(io.env),
    })
  const config = read()
  const problems = [...words, ...(config.ok ? [] : config.problems)]
  if (problems.length > 0 || !config.ok) {
    for (const problem of problems) io.stderr.write(`probe agent: ${problem}\n`)
    return 2
  }
  const log = await openLog()
  const clock = { elapsedMs: io.elapsedMs, nowMs: () => io.now().getTime() }
  const endTrimming = keepTrimming()
  const stopped = new Promise<string>(resolve => io.onStop(resolve))
  let agent: Agent | undefined
  let isDue = false
  const reload = (): void => {
    // What changes while the agent starts is read when it has.
    isDue = agent === undefined
    if (agent === undefined) return
    const [running, next] = [agent, read()]
    if (!next.ok) running.refused(next.problems.join('; '))
    else void running.reload(next.value).catch(error => running.refused(String(error)))
  }
  const endWatch = watchFiles(
    [file, config.value.policyFile].filter(one => one !== undefined),
    reload,
  )
  try {
    agent = await startAgent(config.value, { clock, random: Math.random, log, version: readVersion(), environment: io.env })
  } catch (error) {
    endWatch()
    io.stderr.write(`probe agent: ${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  log.info({ ...agent.listening, paths: config.value.paths.length, agent: config.value.self.id }, 'measuring')
  const onHup = (): void => reload()
  process.on('SIGHUP', onHup)
  if (isDue) reload()
  log.info(
    { signal: await stopped },
    `ending: sends what is left, for ${closeWithinMs / 1000} s at most; what an endpoint does not take stays on disk`,
  )
  endWatch()
  endTrimming()
  process.off('SIGHUP', onHup)
  await agent.close(closeWithinMs)
  log.info({}, 'ended')
  return 0
}
