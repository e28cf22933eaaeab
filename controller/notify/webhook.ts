/**
 * A webhook: the notification as JSON. What is signed can be told from what others send, and what is sent twice from what is new; docs/notifications.md says how
 * a receiver checks both.
 */
import { createHmac } from 'node:crypto'
import type { Secret } from '../../wire/secret.ts'
import { readCa } from './ca.ts'
import { readUrl } from './door.ts'
import type { Message, Send } from './message.ts'
import { post } from './post.ts'
import { readSecret } from './secrets.ts'

export const sendWebhook: Send<'webhook'> = async (receiver, messages, means) => {
  const { url, secrets } = await readUrl(receiver.url, means)
  const key = receiver.signingKey && (await readSecret(receiver.signingKey, 'signingKey', means))
  const [message] = messages
  const body = bodyOf(message!)
  const headers = { 'causeway-id': message!.id, ...signatureOf(body, Math.floor(means.nowMs() / 1000), key) }
  const { answer } = await post(
    { url, body, headers, secrets: [...secrets, ...(key ? [key] : [])], ...(await readCa(receiver, means)) },
    means,
  )
  return answer
}

export const bodyOf = ({ id, key, version, event, page, at }: Message): string =>
  JSON.stringify({ apiVersion: 'causeway/v1', id, key, version, event, at, page })

/** HMAC-SHA256 over `timestamp.body`, in hexadecimal digits. The time is in seconds, and is signed too: what is old can't be sent again as new. */
export const signatureOf = (body: string, timestampS: number, key?: Secret): Record<string, string> => ({
  'causeway-timestamp': String(timestampS),
  ...(key && { 'causeway-signature': `v1=${createHmac('sha256', key.reveal()).update(`${timestampS}.${body}`).digest('hex')}` }),
})
