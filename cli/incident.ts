/** `probe incident <id>`: one incident as on-call reads it, and `ack`. */
import type { IncidentAnswer } from '../wire/api/incidents.ts'
import { quote } from '../wire/values.ts'
import { showAge } from './amounts.ts'
import { flagOfWords, outputProblems, type Words } from './command-words.ts'
import { flags } from './incident-help.ts'
import type { Io } from './io.ts'
import { printable, printableLines } from './printable.ts'
import { type Style, styleOf, wrap } from './terminal.ts'
import { sayTrouble, withClient } from './with-client.ts'

export const incidentCommand = async (words: Words, io: Io): Promise<number> => {
  const [id, verb, ...more] = words.targets
  const note = flagOfWords(words, 'note')
  const problems = [
    ...outputProblems(words, ['human', 'json']),
    ...(id === undefined ? ['incident: want the id of one, which probe get incidents shows'] : []),
    ...(verb !== undefined && verb !== 'ack' ? [`incident: ${quote(verb)}: want ack, or nothing`] : []),
    ...more.map(word => `incident: ${quote(word)} does not belong here`),
    ...(note !== undefined && verb !== 'ack' ? ['--note: goes with ack'] : []),
  ]
  return await withClient({ name: 'incident', words, flags, io }, problems, async client => {
    const path = `/v1/incidents/${encodeURIComponent(id!)}`
    const asked =
      verb === 'ack'
        ? await client.ask<IncidentAnswer>(`${path}/ack`, { method: 'POST', body: note === undefined ? {} : { note } })
        : await client.ask<IncidentAnswer>(path)
    if (!asked.ok) return sayTrouble('incident', asked, io)
    if (flagOfWords(words, 'output') === 'json') io.stdout.write(`${JSON.stringify(asked.value, null, 2)}\n`)
    else io.stdout.write(`${incidentLines(asked.value, styleOf(io.stdout, io.env), io.now().getTime()).join('\n')}\n`)
    return 0
  })
}

const column = 12
const shownPaths = 10

/** What a tired person reads first stands first; the command to run is in a line of its own. */
const incidentLines = (one: IncidentAnswer, style: Style, nowMs: number): string[] => {
  const label = (text: string, line: string): string => `  ${style.strong(text)}${' '.repeat(Math.max(1, column - 2 - text.length))}${line}`
  const listed = (name: string, texts: readonly string[], mark = style.symbols.dot): string[] =>
    texts.flatMap((text, index) =>
      wrap(printable(text), style.width - column - 2).map((line, row) =>
        label(index + row === 0 ? name : '', `${row === 0 ? style.dim(mark) : ' '} ${line}`),
      ),
    )
  const state = one.state === 'open' ? `${one.severity}, ${showAge(one.since, nowMs)}` : `ended: ${one.end ?? ''}`
  const paint = one.state === 'ended' ? style.dim : one.severity === 'page' ? style.bad : style.warn
  const facts = [one.cause, one.layer, one.direction, one.silenced ? 'silenced' : undefined].filter(
    fact => fact !== undefined && fact !== null,
  )
  return [
    ...wrap(printable(one.title), style.width).map(line => style.strong(paint(line))),
    style.dim(printable(`${state}  ${facts.join('  ')}`)),
    '',
    label('where', printable(one.place)),
    label('since', `${one.since}${one.endedAt === undefined ? '' : ` until ${one.endedAt}`}`),
    label('impact', printable(one.impact)),
    ...(one.ack
      ? [label('looked at', printable(`by ${one.ack.author}, ${one.ack.at}${one.ack.note === undefined ? '' : `: ${one.ack.note}`}`))]
      : []),
    ...listed('evidence', one.evidence),
    ...listed('against', one.against),
    ...(one.runnerUp === undefined ? [] : [label('or else', printable(one.runnerUp))]),
    ...listed('changed', one.changed),
    ...one.fixes
      .slice(0, 4)
      .flatMap(({ where, command }, index) => [
        label(index === 0 ? 'fix' : '', style.dim(printable(where))),
        ...printableLines(command).map(line => `${' '.repeat(column + 2)}${line}`),
      ]),
    label('next', printable(one.next)),
    label('runbook', printable(one.runbook)),
    ...listed('paths', [
      ...one.paths.slice(0, shownPaths),
      ...(one.paths.length > shownPaths ? [`and ${one.paths.length - shownPaths} more: --output json`] : []),
    ]),
    ...listed(
      'timeline',
      one.timeline.map(({ at, kind, text }) => `${at.replace('.000Z', 'Z')} ${kind}: ${text}`),
    ),
  ]
}
