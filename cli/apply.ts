/** `probe apply`: shows what a fleet file changes, asks, and applies it. */
import { watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { ApplyAnswer } from '../wire/api/fleet.ts'
import { maxFleetBytes } from '../wire/yaml.ts'
import { flags } from './apply-help.ts'
import { ask, readPiped } from './ask.ts'
import { flagOfWords, isSet, outputProblems, strayProblems, type Words } from './command-words.ts'
import type { Answer, Client } from './controller-client.ts'
import type { Io } from './io.ts'
import { planLines } from './plan-text.ts'
import { readSmallFile } from './small-file.ts'
import { styleOf } from './terminal.ts'
import { sayProblems, sayTrouble, withClient } from './with-client.ts'

export const applyCommand = async (words: Words, io: Io): Promise<number> => {
  // A dash after -f is a word of its own to yargs.
  const isPiped = flagOfWords(words, 'file') === '' && words.targets.length === 1 && words.targets[0] === '-'
  const file = isPiped ? '-' : flagOfWords(words, 'file')
  const problems = [
    ...(isPiped ? [] : strayProblems('apply', words, 'did you mean -f <file>?')),
    ...outputProblems(words, ['human', 'json']),
    ...(file === undefined ? ['no fleet file: -f <file>, or -f - for what is piped in'] : []),
    ...(isSet(words, 'watch') && file === '-' ? ['--watch: what is piped in does not change'] : []),
    ...(isSet(words, 'watch') && !isSet(words, 'yes') ? ['--watch: applies without asking, want --yes beside it'] : []),
  ]
  const given = isPiped ? { targets: [], flags: { ...words.flags, file: ['-'] } } : words
  return await withClient({ name: 'apply', words: given, flags, io }, problems, async (client, stop) => {
    const code = await applyOnce(client, words, file!, io, stop)
    return isSet(words, 'watch') ? await applyForEver(client, words, file!, io, stop) : code
  })
}

const readFleetFile = async (file: string, io: Io): Promise<{ ok: true; text: string } | { ok: false; problem: string }> => {
  if (file === '-') {
    const text = await readPiped(io.stdin, maxFleetBytes)
    return text === undefined ? { ok: false, problem: '-f -: nothing is piped in' } : { ok: true, text }
  }
  const read = readSmallFile(file)
  return read.ok ? { ok: true, text: read.value.toString('utf8') } : { ok: false, problem: `${file}: ${read.problems.join('; ')}` }
}

/** Teams apply at the same time: who looked at no plan need not look at another. */
const maxTries = 3

/** Returns the exit code. */
const applyOnce = async (client: Client, words: Words, file: string, io: Io, stop: AbortSignal): Promise<number> => {
  const read = await readFleetFile(file, io)
  if (!read.ok) return sayProblems('apply', [read.problem], io)
  const shownFile = file === '-' ? '<stdin>' : file
  const put: Put = query => client.ask<ApplyAnswer>('/v1/fleet', { method: 'PUT', query, body: read.text, type: 'application/yaml' }, stop)
  return await planAndApply(put, words, shownFile, io, maxTries)
}

type Put = (query: Record<string, string | number | boolean>) => Promise<Answer<ApplyAnswer>>

const planAndApply = async (put: Put, words: Words, shownFile: string, io: Io, triesLeft: number): Promise<number> => {
  const planned = await put({ dryRun: true })
  if (!planned.ok) return sayTrouble('apply', planned, io, shownFile)
  const isJson = flagOfWords(words, 'output') === 'json'
  if (!isJson) show(planned.value, shownFile, io)
  if (isSet(words, 'dry-run') || planned.value.outcome === 'unchanged') {
    if (isJson) io.stdout.write(`${JSON.stringify(planned.value)}\n`)
    return 0
  }
  if (!isSet(words, 'yes')) {
    const said = await ask(io, `apply this as generation ${planned.value.generation + 1}? [y/N] `)
    if (!/^y(es)?$/i.test(said?.trim() ?? ''))
      return sayProblems('apply', [`nothing was applied${io.stdin?.isTTY ? '' : ': --yes applies it, --dry-run is for looking'}`], io)
  }
  const applied = await put({ expected: planned.value.generation })
  if (!applied.ok && applied.status === 409 && isSet(words, 'yes') && triesLeft > 1)
    return await planAndApply(put, words, shownFile, io, triesLeft - 1)
  if (!applied.ok) return sayTrouble('apply', applied, io, shownFile)
  io.stdout.write(isJson ? `${JSON.stringify(applied.value)}\n` : `applied: the fleet is at generation ${applied.value.generation}\n`)
  return 0
}

const show = (answer: ApplyAnswer, file: string, io: Io): void => {
  const style = styleOf(io.stdout, io.env)
  const lines =
    answer.outcome === 'unchanged'
      ? [`nothing to change: ${answer.owner} has exactly this, the fleet is at generation ${answer.generation}`]
      : planLines(answer, file, style, io.stdout.isTTY ? (io.stdout.columns ?? style.width) : undefined)
  io.stdout.write(`${lines.join('\n')}\n`)
}

/** A file is often replaced as a whole, so its directory is watched; several events of one save are one. */
const settleMs = 200

const applyForEver = async (client: Client, words: Words, file: string, io: Io, stop: AbortSignal): Promise<number> => {
  let wake = Promise.withResolvers<void>()
  const watcher = watch(dirname(resolve(file)), (_event, name) => {
    // ConfigMaps change by a link beside the file.
    if (name === null || name === basename(file) || name.startsWith('..')) wake.resolve()
  })
  stop.addEventListener('abort', () => wake.resolve(), { once: true })
  io.stderr.write(`probe apply: waiting for ${file} to change\n`)
  try {
    for (;;) {
      await wake.promise
      if (stop.aborted) return 0
      wake = Promise.withResolvers<void>()
      await new Promise(done => setTimeout(done, settleMs))
      await applyOnce(client, words, file, io, stop)
    }
  } finally {
    watcher.close()
  }
}
