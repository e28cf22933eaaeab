/** What a receiver must keep besides its schema: a secret goes over TLS only, and nothing goes where no receiver is. */

import { isIP } from 'node:net'
import { isLoopback, refuseReceiver } from '../../judge/special-addresses.ts'
import type { Receiver } from '../../wire/fleet-alerts.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { dayMs, durationProblems } from './duration.ts'
import type { Placed } from './sound.ts'

type Of<T extends Receiver['type']> = Extract<Receiver, { type: T }>
type Rules = { [T in Receiver['type']]: (receiver: Of<T>, steps: Steps) => Finding[] }

const minuteMs = 60_000

export const receiverProblems = ({ value: receiver, steps }: Placed<Receiver>): Finding[] => [
  ...('repeat' in receiver ? durationProblems(receiver.repeat, minuteMs, 30 * dayMs, [...steps, 'repeat']) : []),
  ...('watchdog' in receiver ? durationProblems(receiver.watchdog, 10_000, 60 * minuteMs, [...steps, 'watchdog']) : []),
  ...(rules[receiver.type] as (receiver: Receiver, steps: Steps) => Finding[])(receiver, steps),
]

const rules: Rules = {
  alertmanager: ({ url }, steps) => [...urlProblems(url, [...steps, 'url']), ...pathProblems(url, [...steps, 'url'])],
  webhook: ({ url }, steps) => urlProblems(url, [...steps, 'url']),
  slack: (receiver, steps) => [...urlProblems(receiver.api, [...steps, 'api'], 'the token'), ...slackProblems(receiver, steps)],
  pagerduty: ({ url }, steps) => urlProblems(url, [...steps, 'url'], 'the routing key'),
  email: (receiver, steps) => [
    ...hostProblems(hostOf(receiver.smtp), [...steps, 'smtp']),
    ...portProblems(receiver, steps),
    ...loginProblems(receiver, steps),
  ],
  stdout: () => [],
}

/** `secret`: what would be read on the way. */
const urlProblems = (url: unknown, steps: Steps, secret?: string): Finding[] => {
  if (typeof url !== 'string') return []
  if (!URL.canParse(url)) return [{ steps, message: 'not a URL' }]
  const { protocol, hostname } = new URL(url)
  const open = protocol !== 'https:' && secret !== undefined && !isLoopback(hostname)
  return [...hostProblems(hostname, steps), ...(open ? [{ steps, message: `want https://, ${secret} would be read on the way` }] : [])]
}

/** The base is the same that Prometheus is given. */
const pathProblems = (url: unknown, steps: Steps): Finding[] =>
  typeof url === 'string' && /\/api\/v\d/.test(url) ? [{ steps, message: 'want the base URL, the path of the API is added here' }] : []

const hostProblems = (host: string, steps: Steps): Finding[] => {
  const bare = host.replace(/^\[|\]$/g, '')
  const refused = isIP(bare) === 0 ? undefined : refuseReceiver(bare)
  return refused === undefined ? [] : [{ steps, message: refused }]
}

const slackProblems = ({ url, token, channel }: Of<'slack'>, steps: Steps): Finding[] => {
  if (url && (token || channel)) return [{ steps, message: 'has url, and token or channel: want one or the other' }]
  if (url || (token && channel)) return []
  if (!token && !channel) return [{ steps, message: 'want url, or token and channel' }]
  return [{ steps, message: `${token ? 'channel' : 'token'} is missing: the two go together` }]
}

const hostOf = (smtp: string): string => smtp.slice(0, smtp.lastIndexOf(':'))

const portProblems = ({ smtp }: Of<'email'>, steps: Steps): Finding[] => {
  const port = Number(smtp.slice(smtp.lastIndexOf(':') + 1))
  return port >= 1 && port <= 65_535 ? [] : [{ steps: [...steps, 'smtp'], message: `there is no port ${port}` }]
}

const loginProblems = ({ user, password, tls, smtp }: Of<'email'>, steps: Steps): Finding[] => {
  if ((user === undefined) !== (password === undefined))
    return [{ steps, message: `${user === undefined ? 'user' : 'password'} is missing: the two go together` }]
  if (password && tls === 'none' && !isLoopback(hostOf(smtp)))
    return [{ steps: [...steps, 'tls'], message: 'want required, the password would be read on the way' }]
  return []
}
