/** PagerDuty, Events API v2: events of one `dedup_key` are one incident. https://developer.pagerduty.com/docs/send-alert-event */
import { createHash } from 'node:crypto'
import { readUrl } from './door.ts'
import { type Answer, failed, type Message, type Send } from './message.ts'
import { post } from './post.ts'
import { linksOf, oneLine, sectionsOf } from './say.ts'
import { readSecret } from './secrets.ts'

const severities = { page: 'critical', ticket: 'warning' } as const

export const sendPagerduty: Send<'pagerduty'> = async (receiver, messages, means) => {
  const routingKey = await readSecret(receiver.routingKey, 'routingKey', means)
  const { url } = await readUrl(receiver.url, means)
  let answer: Answer = { kind: 'taken', detail: 'nothing to send' }
  for (const event of eventsOf(messages[0]!)) {
    const posted = await post({ url, body: JSON.stringify({ routing_key: routingKey.reveal(), ...event }), secrets: [routingKey] }, means)
    answer = posted.answer
    if (answer.kind !== 'taken') return answer
    // What is accepted is answered with 202. Another success is somebody else: a proxy, or a page to log in.
    if (posted.ok && posted.status !== 202) return failed(`${answer.detail}, want 202: is this PagerDuty?`)
  }
  return answer
}

/** At most 255 characters. */
const dedupKeyOf = (key: string): string =>
  /^[\x20-\x7e]{1,200}$/.test(key) ? `causeway/${key}` : `causeway/${createHash('sha256').update(key).digest('hex')}`

type Event = { event_action: 'trigger' | 'resolve'; dedup_key: string; [more: string]: unknown }

/** A test is over as soon as it has arrived. Pure. */
export const eventsOf = (message: Message): Event[] => {
  const trigger = triggerOf(message)
  const resolve: Event = { event_action: 'resolve', dedup_key: trigger.dedup_key }
  if (message.event === 'test') return [trigger, resolve]
  return message.page.state === 'resolved' ? [resolve] : [trigger]
}

const triggerOf = ({ key, page }: Message): Event => ({
  event_action: 'trigger',
  dedup_key: dedupKeyOf(key),
  client: 'Causeway',
  payload: {
    summary: oneLine(page.title, 1024),
    source: oneLine(page.place, 200),
    severity: severities[page.severity],
    timestamp: new Date(page.since).toISOString(),
    component: oneLine(page.place, 200),
    ...(page.layer !== null && { group: page.layer }),
    ...(page.cause !== null && { class: oneLine(page.cause, 200) }),
    custom_details: Object.fromEntries(sectionsOf({ page }).map(({ what, lines }) => [what, lines.join('\n')])),
  },
  links: linksOf(page).map(({ title, url }) => ({ href: url, text: title })),
})
