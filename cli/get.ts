/** `probe get`: what the controller knows, as a table, as JSON, or a line of JSON for each. */
import { setTimeout as wait } from 'node:timers/promises'
import type { FleetAnswer } from '../wire/api/fleet.ts'
import { nearest } from '../wire/near.ts'
import { parseNumber, quote } from '../wire/values.ts'
import { flagOfWords, flagProblems, isSet, outputProblems, type Words } from './command-words.ts'
import type { Answer, Client } from './controller-client.ts'
import { flags } from './get-help.ts'
import { filterKeys, flagOfKey, type Thing, things } from './get-things.ts'
import type { Io } from './io.ts'
import { tableLines } from './table.ts'
import { styleOf } from './terminal.ts'
import { sayProblems, sayTrouble, withClient } from './with-client.ts'

const refreshMs = 2000
const defaultLimit = 1000
const pageLimit = 1000

export const getCommand = async (words: Words, io: Io): Promise<number> => {
  const [name, ...more] = words.targets
  if (name === 'schema') return await printSchema(words, io)
  const thing = name !== undefined && Object.hasOwn(things, name) ? things[name] : undefined
  const isRun = name === 'run' || name === 'runs' || name === 'results'
  const isEvents = name === 'events'
  const problems = [
    ...(thing || isRun || isEvents ? [] : [thingProblem(name)]),
    ...(isEvents ? eventProblems(words) : words.flags['after'] ? ['--after: is for events'] : []),
    ...(isRun && more.length !== 1 ? [`${name}: want the id of one run`] : []),
    ...(isRun ? [] : more.map(word => `${quote(word)} does not belong here, filters are options`)),
    ...(thing ? filterProblems(name!, thing, words) : []),
    ...limitProblems(words),
    ...outputProblems(words, name === 'fleet' ? ['human', 'json', 'ndjson', 'yaml'] : ['human', 'json', 'ndjson']),
  ]
  return await withClient({ name: 'get', words, flags, io }, problems, async (client, stop) => {
    if (isEvents) return await (await import('./get-events.ts')).followEvents(client, words, io, stop)
    if (!thing) return await (await import('./get-run.ts')).showRun(client, more[0]!, flagOfWords(words, 'output') ?? 'human', io, stop)
    for (;;) {
      const code = await showOnce(client, thing, words, io, stop)
      if (!isSet(words, 'watch') || code !== 0) return stop.aborted ? 0 : code
      await wait(refreshMs, undefined, { signal: stop }).catch(() => {})
      if (stop.aborted) return 0
    }
  })
}

const thingProblem = (name: string | undefined): string => {
  const known = [...Object.keys(things), 'run', 'events', 'schema']
  if (name === undefined) return `get what? ${known.join(', ')}`
  const near = nearest(name, known)
  return `unknown thing ${quote(name)}, ${near ? `did you mean ${near}?` : `want one of ${known.join(', ')}`}`
}

const eventProblems = ({ flags: given }: Words): string[] => [
  ...Object.keys(given).flatMap(flag =>
    ['kind', 'after', 'watch', 'output', 'controller', 'ca'].includes(flag) ? [] : [`--${flag}: events have --kind and --after`],
  ),
  ...(given['after'] && !/^\d{1,15}$/.test(given['after'][0] ?? '')
    ? [`--after: got ${quote(given['after'][0] ?? '')}, want the id of an event`]
    : []),
]

/** Flags of other things. */
const filterProblems = (name: string, thing: Thing, { flags: given }: Words): string[] => {
  const own = filterKeys(thing).map(flagOfKey)
  const foreign = Object.values(things).flatMap(other => filterKeys(other).map(flagOfKey))
  return Object.keys(given).flatMap(flag =>
    foreign.includes(flag) && !own.includes(flag)
      ? [`--${flag}: ${name} have no such column, they have ${own.map(one => `--${one}`).join(' ')}`]
      : [],
  )
}

const limitProblems = (words: Words): string[] => {
  const text = flagOfWords(words, 'limit')
  if (text === undefined || text === '') return []
  const parsed = parseNumber(text)
  return parsed.ok && Number.isInteger(parsed.value) && parsed.value > 0 ? [] : [`--limit: got ${quote(text)}, want a whole number from 1`]
}

type Fetched = { answer: Record<string, unknown>; rows: Record<string, unknown>[]; hasMore: boolean }

/** Page after page, as many rows as were asked for. */
const fetchRows = async (client: Client, thing: Thing, words: Words, stop: AbortSignal): Promise<Answer<Fetched>> => {
  const limit = Number(flagOfWords(words, 'limit') ?? defaultLimit)
  const filters = Object.fromEntries(filterKeys(thing).map(key => [key, flagOfWords(words, flagOfKey(key))]))
  const rows: Record<string, unknown>[] = []
  let after: string | undefined
  for (;;) {
    const query = { ...filters, limit: Math.min(pageLimit, limit - rows.length), after }
    const page = await client.ask<Record<string, unknown>>(thing.path, { query }, stop)
    if (!page.ok) return page
    rows.push(...(page.value[thing.list] as Record<string, unknown>[]))
    after = (page.value['next'] as string | null) ?? undefined
    if (after === undefined || rows.length >= limit) return { ok: true, value: { answer: page.value, rows, hasMore: after !== undefined } }
  }
}

/** Returns the exit code. */
const showOnce = async (client: Client, thing: Thing, words: Words, io: Io, stop: AbortSignal): Promise<number> => {
  const fetched = await fetchRows(client, thing, words, stop)
  if (!fetched.ok) return stop.aborted ? 0 : sayTrouble('get', fetched, io)
  const { answer, rows, hasMore } = fetched.value
  const output = flagOfWords(words, 'output') ?? 'human'
  if (output === 'yaml') return await printYaml(answer as FleetAnswer, io)
  if (output === 'json')
    io.stdout.write(`${JSON.stringify(thing.list === 'items' ? { items: rows } : { ...answer, generations: rows }, null, 2)}\n`)
  else if (output === 'ndjson') io.stdout.write(rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  else printTable(thing, rows, isSet(words, 'watch'), io)
  if (hasMore) io.stderr.write(`probe get: there are more than ${rows.length}: --limit\n`)
  return 0
}

const printTable = (thing: Thing, rows: readonly Record<string, unknown>[], isWatched: boolean, io: Io): void => {
  const style = styleOf(io.stdout, io.env)
  // From the top of a cleared screen, so that what changes stays in its place.
  if (isWatched && io.stdout.isTTY) io.stdout.write('\u001b[H\u001b[2J')
  const lines = rows.length
    ? tableLines(thing.columns(io.now().getTime()), rows, style, io.stdout.isTTY ? (io.stdout.columns ?? style.width) : undefined)
    : [style.dim(thing.empty ?? 'nothing')]
  io.stdout.write(`${lines.join('\n')}\n`)
}

/** The document as it can be applied again. */
const printYaml = async ({ documents }: FleetAnswer, io: Io): Promise<number> => {
  if (documents.length !== 1) {
    const owners = documents.map(({ owner }) => owner).join(', ')
    return sayProblems(
      'get',
      [documents.length ? `fleet: has documents of ${owners}, want --owner for one of them` : 'fleet: there is no such document'],
      io,
    )
  }
  const { stringify } = await import('yaml')
  io.stdout.write(stringify(documents[0]!.document, { lineWidth: 140 }))
  return 0
}

const printSchema = async (words: Words, io: Io): Promise<number> => {
  const problems = flagProblems('get', words, {})
  if (problems.length > 0) return sayProblems('get', problems, io)
  const { fleetJsonSchema } = await import('../wire/fleet-json-schema.ts')
  io.stdout.write(`${JSON.stringify(fleetJsonSchema(), null, 2)}\n`)
  return 0
}
