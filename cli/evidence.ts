/** The transcript to attach to a ticket: what was asked, by what, where, and everything that came of it. Without secrets. */
import { chmodSync, closeSync, constants, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { arch, release, type as systemName, version as systemVersion } from 'node:os'
import type { RunDocument } from '../wire/result.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import type { Io } from './io.ts'
import type { Reporter, RunEvent } from './reporter.ts'
import type { RunPlan } from './run-options.ts'
import { hidden, hideOptions, hideWords } from './secrets.ts'

/** A file that is written whole or not at all. */
export type EvidenceFile = { write(text: string): void; discard(): void }

/** Opens a file beside the wanted one, readable by its owner only, so that a path that cannot be written is known before anything is sent. */
export const openEvidence = (path: string): Parsed<EvidenceFile> => {
  try {
    const existing = statSync(path, { throwIfNoEntry: false })
    // Renaming over a device or a pipe would put a plain file in its place.
    if (existing && !existing.isFile()) return bad(`--evidence: ${path} is not a regular file`)
    const target = existing ? realpathSync(path) : path
    const temporary = `${target}.${process.pid}.tmp`
    closeSync(openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600))
    return good({
      write: text => {
        writeFileSync(temporary, text)
        chmodSync(temporary, 0o600)
        renameSync(temporary, target)
      },
      discard: () => rmSync(temporary, { force: true }),
    })
  } catch (error) {
    return bad(`--evidence: ${path} cannot be written (${(error as NodeJS.ErrnoException).code})`)
  }
}

const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g

/** Writes down every event with its time; `write` makes the transcript of it. */
export const buildEvidence = (
  plan: RunPlan,
  args: string[],
  version: string,
  io: Io,
): Reporter & { text(documents: RunDocument[]): string } => {
  const startedAt = io.now().toISOString()
  const startMs = io.elapsedMs()
  const events: object[] = []
  const atMs = () => Math.round((io.elapsedMs() - startMs) * 1000) / 1000
  return {
    event: (target, event) => events.push({ atMs: atMs(), target, ...shortEvent(event) }),
    close: () => {},
    text: runs => {
      const transcript = {
        schema: 'causeway.evidence/1',
        startedAt,
        causeway: version,
        node: process.version,
        platform: { system: systemName(), release: release(), version: systemVersion(), arch: arch() },
        args: hideWords(args),
        options: hideOptions(plan.options),
        runs,
        events,
      }
      return `${JSON.stringify(transcript, (_key, value) => (typeof value === 'string' ? value.replace(privateKey, hidden) : value), 2)}\n`
    },
  }
}

/** Results stand in the run documents; an event says when and how they ended. */
const shortEvent = (event: RunEvent): object =>
  event.type === 'step' || event.type === 'final'
    ? { type: event.type, kind: event.result.kind, outcome: event.result.outcome.kind }
    : event.type === 'end'
      ? { type: 'end', verdict: event.document.verdict }
      : event
