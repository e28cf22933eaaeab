/** The journal's lines as text: CRC-32C in eight hexadecimal digits, a blank, JSON, a newline. A line stands for itself: damage costs that line only. */
import { crc32c } from './crc32c.ts'
import type { Line } from './ledger.ts'

const sumText = (json: Uint8Array): string => crc32c(json).toString(16).padStart(8, '0')

export const formatLine = (line: Line): string => {
  const json = JSON.stringify(line)
  return `${sumText(Buffer.from(json))} ${json}\n`
}

/** `bad` counts damaged lines; a last line without its newline is a write that a crash cut short, and no damage. */
export const parseLines = (text: Buffer): { lines: Line[]; bad: number } => {
  const lines: Line[] = []
  let bad = 0
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(0x0a, start)
    if (end < 0) break
    const line = parseLine(text.subarray(start, end))
    if (line) lines.push(line)
    else bad += 1
    start = end + 1
  }
  return { lines, bad }
}

const parseLine = (text: Buffer): Line | undefined => {
  const json = text.subarray(9)
  return text.toString('latin1', 0, 8) === sumText(json) ? (JSON.parse(json.toString()) as Line) : undefined
}
