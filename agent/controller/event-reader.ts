/**
 * Server-sent events out of bytes, however they are cut (HTML standard, "Parsing an event stream"). `retry` is not taken: when to come back is decided by the
 * agent, with jitter. Comments are nothing here: that bytes came is what they are for.
 */
export type ServerEvent = { event: string; data: string; id?: string }

/** An event of more than so many bytes is not a message of a controller. */
export const mostEventBytes = 16 * 2 ** 20

const [lf, cr] = [0x0a, 0x0d]

/** Called with each piece of the stream, gives the events that ended in it. Throws `RangeError` for an event that is too large: nothing more can be read then. */
export const createEventReader = (mostBytes = mostEventBytes): ((chunk: Buffer) => ServerEvent[]) => {
  let line: Buffer[] = []
  let bytes = 0
  let isFirst = true
  let afterCr = false
  let fields = newFields()

  const count = (more: number): void => {
    bytes += more
    if (bytes > mostBytes) throw new RangeError(`an event of more than ${mostBytes} bytes`)
  }
  /** An event, when the line that ends here ends one. */
  const endLine = (): ServerEvent | undefined => {
    const text = Buffer.concat(line).toString('utf8')
    line = []
    const clean = isFirst ? text.replace(/^\ufeff/, '') : text
    isFirst = false
    if (clean !== '') return void takeField(fields, clean)
    const ended = fields.data.length > 0 ? eventOf(fields) : undefined
    fields = newFields()
    bytes = 0
    return ended
  }

  return chunk => {
    const events: ServerEvent[] = []
    let from = 0
    for (let i = nextEnd(chunk, 0); i < chunk.length; i = nextEnd(chunk, i + 1)) {
      const isRestOfCrLf = chunk[i] === lf && i === from && (from === 0 ? afterCr : chunk[i - 1] === cr)
      if (!isRestOfCrLf) {
        count(i - from)
        if (i > from) line.push(chunk.subarray(from, i))
        const event = endLine()
        if (event) events.push(event)
      }
      from = i + 1
    }
    count(chunk.length - from)
    // A copy: the piece of the socket that it is cut from is larger.
    if (from < chunk.length) line.push(Buffer.from(chunk.subarray(from)))
    if (chunk.length > 0) afterCr = chunk.at(-1) === cr
    return events
  }
}

const nextEnd = (chunk: Buffer, from: number): number => {
  for (let i = from; i < chunk.length; i++) if (chunk[i] === lf || chunk[i] === cr) return i
  return chunk.length
}

type Fields = { event: string; data: string[]; id?: string }
const newFields = (): Fields => ({ event: '', data: [] })

const takeField = (fields: Fields, line: string): void => {
  const colon = line.indexOf(':')
  const name = colon < 0 ? line : line.slice(0, colon)
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (name === 'data') fields.data.push(value)
  else if (name === 'event') fields.event = value
  else if (name === 'id' && !value.includes('\0')) fields.id = value
}

const eventOf = ({ event, data, id }: Fields): ServerEvent => ({
  event: event || 'message',
  data: data.join('\n'),
  ...(id === undefined ? {} : { id }),
})
