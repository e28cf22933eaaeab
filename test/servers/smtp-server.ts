/** An SMTP server (RFC 5321) that keeps what it is given: EHLO, STARTTLS (RFC 3207), AUTH PLAIN (RFC 4954), and answers of choice. */
import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Issued } from './authority.ts'
import { type At, type Listening, listen } from './listening.ts'

export type Mail = { from: string; to: string[]; data: string; login?: string; isSecure: boolean }
export type SmtpOptions = {
  tls?: Pick<Issued, 'chainPem' | 'keyPem'>
  /** What follows a command, by its first word in capitals, in place of the usual; DATA's is what follows the mail. */
  answers?: { [command: string]: (line: string) => string | 'nothing' | undefined }
  /** Nothing, not even a greeting. */
  isSilent?: boolean
}

export type Smtp = Listening & { mails: Mail[]; lines: string[] }

export const startSmtp = async (options: SmtpOptions = {}, at?: At): Promise<Smtp> => {
  const [mails, lines]: [Mail[], string[]] = [[], []]
  const server = createServer(socket => {
    if (!options.isSilent) serve(socket, options, { mails, lines }, false)
  })
  return { ...(await listen(server, at)), mails, lines }
}

type Kept = { mails: Mail[]; lines: string[] }

const serve = (socket: Socket, options: SmtpOptions, kept: Kept, isSecure: boolean): void => {
  const say = (text: string): void => void socket.write(`${text}\r\n`)
  const session = openSession(options, kept, isSecure)
  let buffered = ''
  socket.on('error', () => {})
  const onData = (data: Buffer): void => {
    buffered += data.toString('utf8')
    for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
      const line = buffered.slice(0, end)
      buffered = buffered.slice(end + 2)
      const answer = session(line)
      if (answer === 'starttls' && options.tls) {
        say('220 go ahead')
        socket.removeListener('data', onData)
        const { chainPem, keyPem } = options.tls
        const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert: chainPem, key: keyPem }) })
        serve(secure, options, kept, true)
        return
      }
      if (answer !== undefined && answer !== 'nothing') say(answer)
      if (line.toUpperCase() === 'QUIT') socket.end()
    }
  }
  socket.on('data', onData)
  if (!isSecure) say('220 sink.example ESMTP')
}

/** What is said to a line; undefined while a mail comes. */
const openSession = ({ tls, answers = {} }: SmtpOptions, { mails, lines }: Kept, isSecure: boolean) => {
  let mail: Mail = { from: '', to: [], data: '', isSecure }
  let login: string | undefined
  let isData = false
  const usual: Record<string, (line: string) => string> = {
    EHLO: () =>
      ['250-sink.example', ...(tls && !isSecure ? ['250-STARTTLS'] : []), ...(isSecure ? ['250-AUTH PLAIN'] : []), '250 8BITMIME'].join(
        '\r\n',
      ),
    STARTTLS: () => 'starttls',
    AUTH: line => {
      login = Buffer.from(line.split(' ')[2] ?? '', 'base64')
        .toString('utf8')
        .split('\0')
        .slice(1)
        .join(':')
      return '235 welcome'
    },
    MAIL: line => {
      mail = { from: /<(.*?)>/.exec(line)?.[1] ?? '', to: [], data: '', isSecure, ...(login !== undefined && { login }) }
      return '250 sender ok'
    },
    RCPT: line => {
      mail.to.push(/<(.*?)>/.exec(line)?.[1] ?? '')
      return '250 recipient ok'
    },
    DATA: () => {
      isData = true
      return '354 go on'
    },
    RSET: () => '250 ok',
    QUIT: () => '221 bye',
  }
  return (line: string): string | undefined => {
    if (isData && line !== '.') {
      // A leading dot was doubled (RFC 5321 §4.5.2).
      mail.data += `${line.replace(/^\.\./, '.')}\n`
      return undefined
    }
    if (isData) {
      isData = false
      const refused = answers['DATA']?.(line)
      if (refused !== undefined) return refused
      mails.push(mail)
      return '250 kept'
    }
    lines.push(line)
    const command = line.split(/[ :]/, 1)[0]!.toUpperCase()
    return (command === 'DATA' ? undefined : answers[command]?.(line)) ?? usual[command]?.(line) ?? '502 not here'
  }
}
