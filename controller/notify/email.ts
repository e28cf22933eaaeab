/**
 * E-mail by SMTP. All that is said of an incident is one thread: its first mail has an id made of the incident, to which the others refer, so that a mail that went out
 * twice has one id too (RFC 5322 §3.6.4).
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { createTransport } from 'nodemailer'
import type { Secret } from '../../wire/secret.ts'
import { readCa } from './ca.ts'
import { guardedLookup, refuseHost } from './door.ts'
import { type Mail, mailOf, mailOfMany } from './email-text.ts'
import { type Answer, failed, type Means, type Message, type Send } from './message.ts'
import { oneLine } from './say.ts'
import { readSecret, withoutSecrets } from './secrets.ts'

/** RFC 8314 §3.3: TLS from the first byte. */
const submissions = 465

type Receiver = Parameters<Send<'email'>>[0]

export const sendEmail: Send<'email'> = async (receiver, messages, means) => {
  const password = receiver.password && (await readSecret(receiver.password, 'password', means))
  const ca = await readCa(receiver, means)
  const mail = messages.length === 1 ? mailOf(messages[0]!) : mailOfMany(messages)
  const ids = threadOf(messages, receiver.from.slice(receiver.from.lastIndexOf('@') + 1))
  const signal = AbortSignal.any([means.stop, AbortSignal.timeout(means.timeoutMs)])
  const secrets = password ? [password] : []
  let socket: Socket | undefined
  const hangUp = (): void => void socket?.destroy()
  signal.addEventListener('abort', hangUp, { once: true })
  try {
    socket = await dial(receiver.smtp, means, signal)
    return await hand(transportOf(receiver, socket, { ...ca, ...(password && { password }) }, means), { receiver, mail, ids })
  } catch (error) {
    return judgeTrouble(error, { signal, means, secrets })
  } finally {
    signal.removeEventListener('abort', hangUp)
    hangUp()
  }
}

const partsOf = (smtp: string): { host: string; port: number } => {
  const at = smtp.lastIndexOf(':')
  return { host: smtp.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(smtp.slice(at + 1)) }
}

/** Nodemailer would resolve the name anew: it is given a connection that has passed the door. */
const dial = async (smtp: string, { lookup }: Means, signal: AbortSignal): Promise<Socket> => {
  const { host, port } = partsOf(smtp)
  refuseHost(host)
  const socket = connect({ host, port, lookup: guardedLookup(lookup) })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

type Access = { ca?: string; password?: Secret }

const transportOf = ({ smtp, user, tls }: Receiver, connection: Socket, { ca, password }: Access, { timeoutMs }: Means) => {
  const { host, port } = partsOf(smtp)
  const secure = port === submissions
  return createTransport({
    ...{ host, port, secure, connection, connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
    ...(tls === 'none' ? { ignoreTLS: true } : { requireTLS: !secure }),
    ...(user !== undefined && password && { auth: { user, pass: password.reveal() } }),
    tls: { ...(isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) },
    // Nothing of what a mail says is a file or a URL to take in.
    ...{ disableFileAccess: true, disableUrlAccess: true },
  })
}

type Handed = { receiver: Receiver; mail: Mail; ids: Thread }

const hand = async (transport: ReturnType<typeof transportOf>, { receiver: { from, to }, mail, ids }: Handed): Promise<Answer> => {
  const { subject, text, html } = mail
  const sent = await transport.sendMail({
    ...{ from, to: [...to], subject, text, html, messageId: ids.id },
    ...(ids.root !== undefined && { inReplyTo: ids.root, references: ids.root }),
    // RFC 3834 §5: nobody's holiday answers it.
    headers: { 'auto-submitted': 'auto-generated', 'x-auto-response-suppress': 'All' },
  })
  const detail = `${oneLine(sent.response, 200)}${sent.rejected.length > 0 ? `; not taken for ${sent.rejected.join(', ')}` : ''}`
  return { kind: 'taken', detail, handle: ids.root ?? ids.id }
}

type Thread = { id: string; root?: string }

const idOf = (text: string, domain: string): string => `<${createHash('sha256').update(text).digest('hex').slice(0, 32)}@${domain}>`

/** The first mail of an incident is its root. Several at once are a thread of their own. Pure. */
export const threadOf = (messages: readonly Message[], domain: string): Thread => {
  const [message] = messages
  if (!message || messages.length > 1) return { id: idOf(messages.map(({ id }) => id).join(' '), domain) }
  const root = message.before?.handle ?? idOf(`incident ${message.key} ${message.page.incident}`, domain)
  return message.before ? { id: idOf(`notification ${message.id} ${message.event}`, domain), root } : { id: root }
}

type Trouble = { signal: AbortSignal; means: Means; secrets: readonly Secret[] }

/** What a server says of the mail itself comes after DATA (RFC 5321 §4.2.1: 5xx is for good); of the rest people have to put something right. */
const judgeTrouble = (error: unknown, { signal, means, secrets }: Trouble): Answer => {
  if (means.stop.aborted) return failed('stopped')
  if (signal.aborted) return failed(`no answer in ${means.timeoutMs / 1000} s`)
  const { message, code, responseCode, command } = error as Error & { code?: string; responseCode?: number; command?: string }
  const detail = oneLine(withoutSecrets(`${message}${code && !message.includes(code) ? ` (${code})` : ''}`, secrets), 300)
  return code === 'EMESSAGE' && command === 'DATA' && (responseCode ?? 0) >= 500 ? { kind: 'refused', detail } : failed(detail)
}
