/** `probe controller`: serves for ever. Reads its words, starts the controller, says how to go on, and ends it when it is told to. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { defaultDataDirectory } from '../agent/data-directory.ts'
import type { Log } from '../agent/log.ts'
import { watchFiles } from '../agent/reload.ts'
import { type ControllerConfig, readConfig, settings } from '../controller/config/read.ts'
import { type Controller, startController } from '../controller/controller.ts'
import type { Apply } from '../controller/open-parts.ts'
import { formatProblem } from '../wire/document.ts'
import { quote } from '../wire/values.ts'
import { welcome } from './controller-welcome.ts'
import type { Io } from './io.ts'
import { openPino } from './log.ts'
import type { Words } from './run-words.ts'
import { readVersion } from './version.ts'

const several = ['export', 'name'] as const
const own = ['config', 'new-admin-token', 'admin-token-file', ...several] as const
const known = [...own, ...Object.values(settings).map(({ flag }) => flag)] as readonly string[]

/** Resolves with the exit code when the controller has ended: 0 after a signal, 2 for a configuration that can't be run. */
export const controllerCommand = async (words: Words, io: Io): Promise<number> => {
  const { flags } = words
  const config = readConfig({
    file: flags['config']?.[0] ?? (io.env['CAUSEWAY_CONFIG'] || undefined),
    flags: Object.fromEntries(Object.entries(flags).map(([name, values]) => [name, values?.[0]])),
    exports: flags['export'] ?? [],
    names: flags['name'] ?? [],
    environment: io.env,
    readFile: path => readFileSync(path, 'utf8'),
    defaultData: () => join(defaultDataDirectory(io.env), 'controller'),
  })
  const problems = [...judgeWords(words), ...(config.ok ? [] : config.problems)]
  if (problems.length > 0 || !config.ok) return refuse(io, problems)
  const stopped = new Promise<string>(resolve => io.onStop(resolve))
  const tokenFile = flags['admin-token-file']?.[0]
  return await run(config.value, { io, stopped, isTokenWanted: flags['new-admin-token'] !== undefined, ...(tokenFile && { tokenFile }) })
}

const judgeWords = ({ targets, flags }: Words): string[] => [
  ...targets.map(
    word => `${quote(word)} does not belong here${/\.ya?ml$/.test(word) ? `, did you mean --config ${word} or --fleet ${word}?` : ''}`,
  ),
  ...Object.keys(flags).flatMap(name =>
    known.includes(name) ? [] : [`--${name}: unknown option of controller, it has ${known.map(one => `--${one}`).join(' ')}`],
  ),
  ...Object.entries(flags).flatMap(([name, values = []]) =>
    values.length > 1 && !(several as readonly string[]).includes(name) ? [`--${name}: given twice`] : [],
  ),
]

const refuse = (io: Io, problems: readonly string[]): number => {
  for (const problem of problems) io.stderr.write(`probe controller: ${problem}\n`)
  return 2
}

type Around = { io: Io; stopped: Promise<string>; isTokenWanted: boolean; tokenFile?: string }

const run = async (config: ControllerConfig, { io, stopped, isTokenWanted, tokenFile }: Around): Promise<number> => {
  const log = await openPino()
  const version = readVersion()
  const fleetFile = config.fleetFile === undefined ? undefined : openFleetFile(config.fleetFile, log)
  let controller: Controller
  try {
    controller = await startController(config, {
      nowMs: () => io.now().getTime(),
      elapsedMs: io.elapsedMs,
      random: bytes => randomBytes(bytes),
      chance: Math.random,
      log,
      version,
      environment: io.env,
      hostname: hostname(),
      addresses: Object.values(networkInterfaces()).flatMap(all => (all ?? []).map(({ address }) => address)),
      print: line => io.stdout.write(`${line}\n`),
      ...(fleetFile && { applyFirst: fleetFile.keepApplied }),
      isTokenWanted,
    })
  } catch (error) {
    fleetFile?.close()
    return refuse(io, [error instanceof Error ? error.message : String(error)])
  }
  keepToken(controller, tokenFile, log)
  io.stdout.write(welcome(controller, { version, isTerminal: io.stdout.isTTY === true, ...(tokenFile && { tokenFile }) }))
  log.info({ url: controller.url, store: controller.store }, 'serving')
  log.info({ signal: await stopped }, 'ending: answers what has come, stores what is open')
  fleetFile?.close()
  await controller.close()
  log.info({}, 'ended')
  return 0
}

/** For programs that start a controller and then ask it: they read no welcome. */
const keepToken = ({ bootstrap }: Controller, file: string | undefined, log: Log): void => {
  if (file === undefined || !bootstrap) return
  try {
    writeFileSync(file, `${bootstrap.reveal()}\n`, { mode: 0o600 })
  } catch (error) {
    log.error({ problem: String(error) }, 'the admin token could not be written: start again with --new-admin-token')
  }
}

type FleetFile = { keepApplied: (apply: Apply) => Promise<void>; close: () => void }

/** Applied at once and whenever it changes; one that is no good changes nothing. */
const openFleetFile = (file: string, log: Log): FleetFile => {
  let close = (): void => {}
  const applyOrSay = async (apply: Apply): Promise<void> => {
    try {
      const applied = await apply(readFileSync(file, 'utf8'), `file ${file}`)
      if (!applied.ok)
        log.error({ problems: applied.problems.map(problem => formatProblem(file, problem)) }, 'the fleet file is refused, nothing changes')
      else log.info({ outcome: applied.outcome, generation: applied.generation }, 'fleet file')
    } catch (error) {
      log.error({ problem: String(error) }, 'the fleet file could not be applied')
    }
  }
  return {
    keepApplied: apply => {
      close = watchFiles([file], () => void applyOrSay(apply))
      return applyOrSay(apply)
    },
    close: () => close(),
  }
}
