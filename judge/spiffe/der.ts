/** The outermost layers of DER (X.690 §8.1): enough to cut concatenated certificates apart and to walk a long list of names in no time. */

const sequenceTag = 0x30

export type Element = { tag: number /** Without the header. */; content: Uint8Array /** With it. */; whole: Uint8Array }

/** The element that begins at `start`; undefined when it is not whole. Tags are one byte, lengths at most four. */
const readElement = (bytes: Uint8Array, start: number): Element | undefined => {
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const digits = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || digits > 4) return undefined
  let length = digits ? 0 : first
  for (const digit of bytes.subarray(start + 2, start + 2 + digits)) length = length * 256 + digit
  const from = start + 2 + digits
  if (from + length > bytes.length) return undefined
  return { tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(start, from + length) }
}

/** Elements side by side; undefined when something is not whole. */
export const readElements = (bytes: Uint8Array): Element[] | undefined => {
  const elements: Element[] = []
  for (let start = 0; start < bytes.length; ) {
    const element = readElement(bytes, start)
    if (!element) return undefined
    elements.push(element)
    start += element.whole.length
  }
  return elements
}

/** Certificates side by side, as the Workload API sends chains and bundles; undefined when something else stands between or behind them. */
export const splitDer = (bytes: Uint8Array): Uint8Array[] | undefined => {
  const elements = readElements(bytes)
  return elements?.every(one => one.tag === sequenceTag) ? elements.map(one => one.whole) : undefined
}

/** One sequence and nothing behind it. */
export const isOneSequence = (bytes: Uint8Array): boolean => splitDer(bytes)?.length === 1
