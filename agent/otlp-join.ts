import type { Encoding } from './otlp.ts'

/**
 * One request of several, each with one repeated field. Protobuf messages of one type may be put one behind the other: repeated fields are joined
 * (protobuf encoding guide, "Last One Wins", merge of concatenated messages). Of JSON the lists are joined, as the text that they are: to
 * parse and print them again would cost more than to make them.
 */
export const joinRequests = (parts: readonly Uint8Array[], encoding: Encoding, field: string): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  if (encoding === 'protobuf') return Buffer.concat(parts)
  const [open, close] = [`{"${field}":[`, ']}']
  const lists = parts.map(part => {
    const text = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    if (!text.subarray(0, open.length).equals(Buffer.from(open)) || !text.subarray(-close.length).equals(Buffer.from(close)))
      throw new Error(`the serializer wrote something else than one list of ${field}`)
    return text.subarray(open.length, text.length - close.length)
  })
  const comma = Buffer.from(',')
  const inner = lists.flatMap((list, place) => (place === 0 ? [list] : [comma, list]))
  return Buffer.concat([Buffer.from(open), ...inner, Buffer.from(close)])
}
