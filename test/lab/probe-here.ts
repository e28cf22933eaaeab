/** The real command on this machine, as typed and as pasted from what it printed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { SiteRun } from '../../deploy/sim/site-process.ts'
import type { RunDocument } from '../../wire/result.ts'
import { probe } from './probe-in.ts'
import { runProgram } from './run-program.ts'

const utf8 = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }

/** `probe` with these words. */
export const probeHere = (words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<SiteRun> =>
  runProgram([process.execPath, probe, ...words], { ...utf8, ...env })

/** What a shell makes of a command that was printed. */
export const paste = (command: string): Promise<SiteRun> =>
  runProgram(['sh', '-c', `probe() { '${process.execPath}' '${probe}' "$@"; }\n${command}`], utf8)

export const runHere = async (words: readonly string[]): Promise<RunDocument> =>
  JSON.parse((await probeHere(['run', ...words, '--output', 'json'])).stdout) as RunDocument

/** A folder of the test's own, and how to put a file there. */
export const folderOf = (t: Test): ((name: string, text: string) => string) => {
  const folder = mkdtempSync(join(tmpdir(), 'probe-here-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return (name, text) => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }
}
