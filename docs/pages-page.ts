/** The page that shows what people are sent, made by the code that sends it. */
import { mailOf } from '../controller/notify/email-text.ts'
import { blocksOf } from '../controller/notify/slack-blocks.ts'
import type { Notification } from '../wire/page.ts'
import { blackHole, staleBundle } from './example-pages.ts'
import { note } from './page.ts'

type Piece = { type: string; text?: unknown; url?: string; elements?: readonly Piece[] }

/** As Slack lays it out, in plain text. */
const slackText = (notification: Notification): string =>
  blocksOf(notification)
    .blocks.flatMap(block => (block.type === 'header' ? [block.text.text, ''] : linesOf(block.elements as readonly Piece[])))
    .join('\n')

const linesOf = (elements: readonly Piece[]): string[] =>
  elements.flatMap(({ type, elements = [] }) => {
    if (type === 'rich_text_list') return elements.map(one => `  • ${wordsOf(one.elements ?? [])}`)
    return type === 'rich_text_preformatted'
      ? wordsOf(elements)
          .split('\n')
          .map(line => `  │ ${line}`)
      : [wordsOf(elements)]
  })
const wordsOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => String(text)).join('')

const fenced = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\``

export const pagesPage = (): string =>
  [
    note,
    '# What on-call is sent',
    'Two pages, as the code renders them. How they get there, and what a receiver of one’s own has to check: [notifications](notifications.md).',
    '## A black hole begins, in Slack',
    fenced(slackText(blackHole)),
    '## The same by mail',
    fenced(mailOf(blackHole).text),
    '## A trust bundle that was late, and is there now, by mail',
    fenced(mailOf(staleBundle).text),
    '## The same in Slack',
    fenced(slackText(staleBundle)),
  ].join('\n\n')
