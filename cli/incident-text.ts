/** An incident as a tired person reads it: what and how bad, where, since when, what to do; then why it is believed. Commands are never broken. */
import type { IncidentAnswer } from '../wire/api/incidents.ts'
import { showAge, showSpan } from './amounts.ts'
import { printable, printableLines } from './printable.ts'
import { type Style, wrap } from './terminal.ts'

const column = 12
const shownPaths = 10
const shownFixes = 4

/** `2026-11-22 07:48:00 UTC`: nobody has to think about which clock that is. */
const timeText = (at: string): string => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`

export const incidentText = (one: IncidentAnswer, style: Style, nowMs: number): string =>
  style.fit(
    [...headLines(one, style, nowMs), '', ...factLines(one, style, nowMs), '', ...doLines(one, style), '', ...storyLines(one, style)].join(
      '\n',
    ),
  )

const headLines = (one: IncidentAnswer, style: Style, nowMs: number): string[] => {
  const paint = one.state === 'ended' ? style.dim : one.severity === 'page' ? style.bad : style.warn
  const { ack } = one
  const state =
    one.state === 'ended'
      ? `${one.severity}, ended${one.end === undefined ? '' : `: ${one.end}`}`
      : `${one.severity}, open for ${showAge(one.since, nowMs)}${one.silenced ? ', silenced' : ''}`
  const care =
    one.state === 'ended' && !ack
      ? []
      : ack
        ? wrap(
            printable(`${ack.author} looks after it since ${timeText(ack.at)}${ack.note === undefined ? '' : `: ${ack.note}`}`),
            style.width,
          )
        : [`nobody looks after it: probe incident ${printable(one.id)} ack`]
  return [
    ...wrap(printable(one.title), style.width).map(line => style.strong(paint(line))),
    ...wrap(printable(state), style.width).map(style.dim),
    ...care.map(ack ? style.dim : style.strong),
  ]
}

/** A label once, and beside it text that is broken where the window ends. */
const said = (name: string, text: string, style: Style): string[] =>
  wrap(printable(text), style.width - column).map((line, row) => label(row === 0 ? name : '', line, style))

const label = (name: string, line: string, style: Style): string =>
  `  ${style.strong(name)}${' '.repeat(Math.max(1, column - 2 - name.length))}${line}`

const listed = (name: string, texts: readonly string[], style: Style): string[] =>
  texts.flatMap((text, index) =>
    wrap(printable(text), style.width - column - 2).map((line, row) =>
      label(index + row === 0 ? name : '', `${row === 0 ? style.dim(style.symbols.dot) : ' '} ${line}`, style),
    ),
  )

const factLines = (one: IncidentAnswer, style: Style, nowMs: number): string[] => {
  const { since, openedAt, endedAt, cause, layer, direction } = one
  const lasted = endedAt === undefined ? '' : ` until ${timeText(endedAt)}, ${showSpan(Date.parse(endedAt) - Date.parse(since))}`
  const late = Date.parse(openedAt) - Date.parse(since)
  const seen = endedAt === undefined && late > 0 ? `, ${showAge(since, nowMs)} ago, seen ${showSpan(late)} later` : ''
  return [
    ...said('where', `${one.place}${direction === undefined ? '' : `, ${direction}`}`, style),
    ...said('since', `${timeText(since)}${lasted}${seen}`, style),
    ...said('impact', one.impact, style),
    ...said('cause', `${cause}${layer === null ? '' : ` (layer ${layer})`}`, style),
    ...(one.runnerUp === undefined ? [] : said('or else', one.runnerUp, style)),
    ...listed('evidence', one.evidence, style),
    ...listed('against', one.against, style),
    ...listed('changed', one.changed, style),
  ]
}

/** What is to be pasted stands as it is, however narrow the window. */
const doLines = (one: IncidentAnswer, style: Style): string[] => [
  ...printableLines(one.next).map((line, row) => label(row === 0 ? 'next' : '', style.strong(line), style)),
  ...one.fixes
    .slice(0, shownFixes)
    .flatMap(({ where, command }) => [
      ...said('fix', where, style),
      ...printableLines(command).map(line => label('', style.strong(line), style)),
    ]),
  ...said('runbook', one.runbook, style),
]

const storyLines = (one: IncidentAnswer, style: Style): string[] => {
  const hidden = one.paths.length - shownPaths
  return [
    ...listed('paths', [...one.paths.slice(0, shownPaths), ...(hidden > 0 ? [`and ${hidden} more: --output json`] : [])], style),
    ...listed(
      'timeline',
      one.timeline.map(({ at, kind, text }) => `${at.slice(5, 10)} ${at.slice(11, 19)}  ${kind}${text === '' ? '' : `: ${text}`}`),
      style,
    ),
  ]
}
