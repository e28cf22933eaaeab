/**
 * Slack. Through an incoming webhook each change is another message. An app with a token changes its message in place, and ends it with a word below it, since nobody
 * is told of what only changed. https://docs.slack.dev/reference/methods/chat.update
 */
import type { Secret } from '../../wire/secret.ts'
import { readUrl } from './door.ts'
import { type Answer, failed, type Means, type Message, type Send } from './message.ts'
import { post } from './post.ts'
import { oneLine, sayTitle } from './say.ts'
import { ReceiverUnusable, readSecret } from './secrets.ts'
import { type Blocks, blocksOf, blocksOfMany, escapeMrkdwn } from './slack-blocks.ts'

/** No previews of links: they would be fetched by Slack, and fill the channel. */
const quiet = { unfurl_links: false, unfurl_media: false }

export const sendSlack: Send<'slack'> = async (receiver, messages, means) => {
  const shown = messages.length === 1 ? blocksOf(messages[0]!) : blocksOfMany(messages)
  if (receiver.url) {
    const { url, secrets } = await readUrl(receiver.url, means)
    return (await post({ url, body: JSON.stringify({ ...shown, ...quiet }), secrets }, means)).answer
  }
  const { token, channel, api } = receiver
  if (!token || !channel) throw new ReceiverUnusable('want url, or token and channel')
  const { url } = await readUrl(api, means)
  const app = { api: url, token: await readSecret(token, 'token', means), channel, means }
  return messages.length === 1
    ? await tellOne(app, messages[0]!, shown)
    : await call(app, 'chat.postMessage', { channel, ...shown, ...quiet })
}

type App = { api: URL; token: Secret; channel: string; means: Means }

/** A handle is `channel/ts` of the incident's first message. */
const tellOne = async (app: App, message: Message, shown: Blocks): Promise<Answer> => {
  const { channel } = app
  const [inChannel, ts] = message.before?.handle?.split('/') ?? []
  const fresh = (): Promise<Answer> => call(app, 'chat.postMessage', { channel, ...shown, ...quiet })
  if (!inChannel || !ts) return await fresh()
  const updated = await call(app, 'chat.update', { channel: inChannel, ts, ...shown })
  // It was taken away, or is too old to change.
  if (updated.kind === 'refused') return await fresh()
  if (updated.kind !== 'taken' || !['resolved', 'repeat'].includes(message.event)) return updated
  const word = { channel: inChannel, thread_ts: ts, text: escapeMrkdwn(sayTitle(message)), ...quiet }
  const said = await call(app, 'chat.postMessage', word)
  // Below the first message, not instead of it.
  return said.kind === 'taken' ? { ...said, handle: `${inChannel}/${ts}` } : said
}

/** Errors of the message; all others are of the app, the channel or the moment (https://docs.slack.dev/reference/methods/chat.postMessage#errors). */
const refusing: readonly string[] = [
  ...[
    'message_not_found',
    'cant_update_message',
    'edit_window_closed',
    'msg_too_long',
    'no_text',
    'invalid_blocks',
    'invalid_blocks_format',
  ],
  ...['thread_not_found', 'invalid_arguments'],
]

/** Slack says 200 whatever came of it: what counts is `ok`. */
const call = async ({ api, token, means }: App, method: string, body: object): Promise<Answer> => {
  const url = new URL(`${api.pathname.replace(/\/+$/, '')}/${method}`, api)
  const headers = { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json; charset=utf-8' }
  const posted = await post({ url, body: JSON.stringify(body), headers, secrets: [token] }, means)
  if (!posted.ok || posted.answer.kind !== 'taken') return posted.answer
  return judgeSaid(posted.body)
}

const judgeSaid = (body: string): Answer => {
  const said = parse(body)
  if (said['ok'] === true) {
    const [channel, ts] = [said['channel'], said['ts']]
    const handle = typeof channel === 'string' && typeof ts === 'string' ? { handle: `${channel}/${ts}` } : {}
    return { kind: 'taken', detail: 'ok', ...handle }
  }
  const error = typeof said['error'] === 'string' ? said['error'] : 'no answer of Slack'
  const detail = `answered ${oneLine(error, 100)}`
  return refusing.includes(error) ? { kind: 'refused', detail } : failed(detail)
}

const parse = (text: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}
