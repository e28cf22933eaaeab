/**
 * A page as Slack shows it. What comes from others stands in elements whose text is only text (`rich_text`, `plain_text`), so that no markup of theirs counts;
 * the line of the notification has no such form and is escaped. https://docs.slack.dev/reference/block-kit/blocks
 */
import type { Message } from './message.ts'
import { linksOf, type Section, sayOne, sayTitle, sayTogether, sectionsOf } from './say.ts'

export type Blocks = { text: string; blocks: readonly Block[] }
type Block = { type: 'header'; text: { type: 'plain_text'; text: string; emoji: false } } | { type: 'rich_text'; elements: readonly Rich[] }
type Rich =
  | { type: 'rich_text_section' | 'rich_text_preformatted'; elements: readonly Piece[] }
  | { type: 'rich_text_list'; style: 'bullet'; elements: readonly { type: 'rich_text_section'; elements: readonly Piece[] }[] }
type Piece = { type: 'text'; text: string; style?: { bold: true } } | { type: 'link'; url: string; text: string }

const mostHeader = 150

/** Slack's own three characters: what is left starts no link, no mention, and no channel. */
export const escapeMrkdwn = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const header = (title: string): Block => ({
  type: 'header',
  text: { type: 'plain_text', text: title.length > mostHeader ? `${title.slice(0, mostHeader - 1).toWellFormed()}…` : title, emoji: false },
})
const text = (words: string): Piece => ({ type: 'text', text: words })
const bold = (words: string): Piece => ({ type: 'text', text: words, style: { bold: true } })
const section = (...elements: Piece[]): Rich => ({ type: 'rich_text_section', elements })
const list = (lines: readonly string[]): Rich => ({
  type: 'rich_text_list',
  style: 'bullet',
  elements: lines.map(line => ({ type: 'rich_text_section', elements: [text(line)] })),
})

export const blocksOf = (message: Message): Blocks => {
  const title = sayTitle(message)
  const links = linksOf(message.page)
  const elements = [
    ...sectionsOf(message).flatMap(richOf),
    ...(links.length > 0
      ? [section(...links.flatMap(({ title, url }, i): Piece[] => [...(i > 0 ? [text(' · ')] : []), { type: 'link', url, text: title }]))]
      : []),
    section(text(`incident ${message.page.incident}`)),
  ]
  return { text: escapeMrkdwn(title), blocks: [header(title), { type: 'rich_text', elements }] }
}

const richOf = ({ what, lines, isCode }: Section): Rich[] => {
  if (isCode) return [section(bold(what)), { type: 'rich_text_preformatted', elements: [text(lines.join('\n'))] }]
  return lines.length === 1 ? [section(bold(`${what}: `), text(lines[0]!))] : [section(bold(what)), list(lines)]
}

export const blocksOfMany = (messages: readonly Message[]): Blocks => {
  const title = sayTogether(messages)
  return { text: escapeMrkdwn(title), blocks: [header(title), { type: 'rich_text', elements: [list(messages.map(sayOne))] }] }
}
