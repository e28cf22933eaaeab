/**
 * The words of a page, the same for everybody who is told in words. What agents sent, and what people named, is in there: every text leaves here in one line, of
 * bounded length, without what can't be seen. What a medium takes for markup is for its renderer to escape.
 */
import type { Page } from '../../wire/page.ts'
import { sayDuration } from '../../wire/say-duration.ts'
import type { Message } from './message.ts'

const mostLines = 10
const mostCharacters = 500

// Controls, line and paragraph separators, and what is invisible or turns the direction of writing round (Unicode TR 36 §3.1).
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]+/gu

export const oneLine = (text: string, most = mostCharacters): string => {
  const line = text.toWellFormed().replace(unseen, ' ').trim()
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`
}

/** Indented as it was: it may be configuration. */
const codeLines = (code: string): string[] =>
  code
    .split(/\r?\n/)
    .slice(0, 3 * mostLines)
    .map(line => `${/^ */.exec(line)![0]}${oneLine(line)}`)

const lines = (texts: readonly string[]): string[] => [
  ...texts.slice(0, mostLines).map(text => oneLine(text)),
  ...(texts.length > mostLines ? [`and ${texts.length - mostLines} more`] : []),
]

/** `2026-11-21 03:04:10 UTC`. */
export const sayTime = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const words = {
  firing: 'FIRING',
  updated: 'FIRING',
  resolved: 'RESOLVED',
  repeat: 'STILL FIRING',
  test: 'TEST',
  watchdog: 'WATCHDOG',
} as const

/** `FIRING · aws/us-east-1 → azure/eastus: packets above 1380 bytes vanish`. */
export const sayTitle = ({ event, page }: Pick<Message, 'event' | 'page'>): string =>
  `${page.state === 'resolved' ? words.resolved : words[event]}${page.severity === 'ticket' ? ' (ticket)' : ''} · ${oneLine(page.title, 200)}`

/** `what` heads the lines; `isCode`: people type them. */
export type Section = { what: string; lines: string[]; isCode?: true }

/** All that a page says, in the order in which somebody who was woken wants to know it. Empty sections are left out. */
export const sectionsOf = ({ page }: Pick<Message, 'page'>): Section[] => {
  const sections: Section[] = [
    { what: 'When', lines: [sayWhen(page)] },
    { what: 'Impact', lines: lines([page.impact]) },
    { what: 'Evidence', lines: lines(page.evidence) },
    { what: 'Against', lines: lines(page.against) },
    { what: 'Cause', lines: lines(causeOf(page)) },
    { what: 'Changed lately', lines: lines(page.changed) },
    { what: 'Next', lines: lines([page.next]), isCode: true },
    ...page.fixes
      .slice(0, mostLines)
      .map(({ where, command }) => ({ what: `Fix, ${oneLine(where)}`, lines: codeLines(command), isCode: true as const })),
    { what: 'Labels', lines: lines(Object.entries(page.labels).map(([name, value]) => `${name}: ${value}`)) },
  ]
  return sections
    .map(section => ({ ...section, lines: section.lines.filter(line => line !== '') }))
    .filter(section => section.lines.length > 0)
}

const sayWhen = ({ since, detectedAt, endedAt }: Page): string => {
  const seen = `since ${sayTime(since)}, seen ${sayDuration(Math.max(0, detectedAt - since))} later`
  return endedAt === undefined ? seen : `${seen}; ended ${sayTime(endedAt)} after ${sayDuration(Math.max(0, endedAt - since))}`
}

const causeOf = ({ cause, layer, direction, runnerUp }: Page): string[] => {
  if (cause === null) return [`not known${layer === null ? '' : `; the ${layer} layer fails`}`]
  const details = [...(layer === null ? [] : [`layer ${layer}`]), ...(direction === undefined ? [] : [`direction ${direction}`])]
  return [`${cause}${details.length > 0 ? ` (${details.join(', ')})` : ''}${runnerUp === undefined ? '' : `; else ${runnerUp}`}`]
}

export type Link = { title: string; url: string }

/** The runbook first. What is no http(s) URL is no link. */
export const linksOf = ({ runbook, links }: Page): Link[] =>
  [{ title: 'Runbook', url: runbook }, ...links]
    .slice(0, mostLines)
    .filter(({ url }) => /^https?:\/\//.test(url) && URL.canParse(url))
    .map(({ title, url }) => ({ title: oneLine(title, 80), url: new URL(url).href }))

/** What stands for several incidents. */
export const sayTogether = (messages: readonly Message[]): string => {
  const [first] = messages
  return `${first?.page.state === 'resolved' ? 'RESOLVED' : 'FIRING'} (tickets) · ${messages.length} incidents`
}

/** The line of one among several. */
export const sayOne = ({ page }: Message): string => `${oneLine(page.title, 200)}; ${oneLine(page.impact, 200)}`
