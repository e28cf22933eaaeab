/** `probe get events`: what changes, as it changes, until it is stopped. A stream that ends is dialled again from where it was. */
import { setTimeout as wait } from 'node:timers/promises'
import { isObject } from '../wire/read.ts'
import { flagOfWords, type Words } from './command-words.ts'
import type { Client } from './controller-client.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { styleOf } from './terminal.ts'
import { sayTrouble } from './with-client.ts'

type Shown = { id: number; at: string; kind: string; subject: string; body: Readonly<Record<string, unknown>> }

/** Before it is asked again. */
const againMs = 1000

/** `after`: the id after which it begins; without it with what happens from now on. Returns the exit code. */
export const followEvents = async (client: Client, words: Words, io: Io, stop: AbortSignal): Promise<number> => {
  let after = flagOfWords(words, 'after')
  const kind = flagOfWords(words, 'kind')
  let hasBegun = false
  const show = (data: string): void => {
    const event = JSON.parse(data) as Shown
    // Of an overlap it has some already.
    if (after !== undefined && hasBegun && event.id <= Number(after)) return
    after = String(event.id)
    hasBegun = true
    io.stdout.write(flagOfWords(words, 'output') === 'ndjson' ? `${data}\n` : `${eventLine(event, io)}\n`)
  }
  if (io.stdout.isTTY) io.stderr.write('follows what happens from now on; Ctrl-C ends it\n')
  for (;;) {
    const ended = await client.follow('/v1/events', { query: { kind, after } }, ({ data }) => show(data), stop)
    if (stop.aborted) return 0
    // What is refused stays refused; what was cut off comes back.
    if (!ended.ok && (!hasBegun || ended.exitCode !== 3)) return sayTrouble('get', ended, io)
    hasBegun = true
    await wait(againMs, undefined, { signal: stop }).catch(() => {})
    if (stop.aborted) return 0
  }
}

const longestFact = 120

const eventLine = ({ at, kind, subject, body }: Shown, io: Io): string => {
  const style = styleOf(io.stdout, io.env)
  // The whole of it is what --output ndjson prints.
  const facts = Object.entries(body).flatMap(([name, value]) => {
    if (value === null || value === '' || name === 'atMs' || name === 'severity') return []
    if (isObject(value) || Array.isArray(value)) return []
    const text = String(value)
    return [`${name}=${text.length > longestFact ? `${text.slice(0, longestFact - 1)}…` : text}`]
  })
  return style.fit(
    `${style.dim(printable(at))}  ${style.strong(printable(kind))}  ${printable(subject)}  ${style.dim(printable(facts.join(' ')))}`,
  )
}
