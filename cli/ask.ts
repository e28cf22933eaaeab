/** Questions on a terminal, and what is piped in. Questions go to stderr: stdout is for results. */
import type { In, Io } from './io.ts'

/** What stands in front of the end of a line, or of all that is piped in. */
const maxLength = 16_384

/** Undefined: the person pressed Ctrl-C or Ctrl-D, or nobody is there to ask. */
export const ask = async (io: Io, question: string, { hidden = false }: { hidden?: boolean } = {}): Promise<string | undefined> => {
  const input = io.stdin
  if (!input?.isTTY) return undefined
  io.stderr.write(question)
  const asked = readLine(input)
  // Outside raw mode the terminal makes a signal of Ctrl-C, which commands that ask a controller listen to.
  const stopped = Promise.withResolvers<undefined>()
  const endListening = io.onStop(() => stopped.resolve(undefined))
  if (hidden) input.setRawMode?.(true)
  try {
    return await Promise.race([asked, stopped.promise])
  } finally {
    endListening()
    if (hidden && input.setRawMode) {
      input.setRawMode(false)
      io.stderr.write('\n')
    }
  }
}

/** All that is piped in, as one line or many. Undefined on a terminal. */
export const readPiped = async (input: In | undefined, maxBytes: number): Promise<string | undefined> => {
  if (!input || input.isTTY) return undefined
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk))
    length += chunks.at(-1)!.length
    if (length > maxBytes) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** In raw mode the terminal edits nothing: backspace, Ctrl-C and Ctrl-D come as characters. */
const readLine = async (input: In): Promise<string | undefined> => {
  let line = ''
  for await (const chunk of input)
    for (const letter of Buffer.from(chunk).toString('utf8')) {
      if (letter === '\r' || letter === '\n') return line
      if (letter === '\u0003' || letter === '\u0004') return undefined
      if (letter === '\u007f' || letter === '\b') line = line.slice(0, -1)
      else if (line.length < maxLength) line += letter
    }
  return line === '' ? undefined : line
}
