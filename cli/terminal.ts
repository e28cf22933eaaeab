/** How text looks on this output: colours, symbols, width. Decided once from the stream and the environment. */
import { stripVTControlCharacters } from 'node:util'
import type { Io, Out } from './io.ts'

export type Style = {
  width: number
  symbols: typeof unicode
  /** Names of what is coloured, not of colours. */
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  dim(text: string): string
  strong(text: string): string
  /** The text in the characters that this output can show. */
  fit(text: string): string
}

const unicode = { ok: '✓', fail: '✗', warn: '!', none: '–', dot: '·', ellipsis: '…', atLeast: '≥' }
const ascii: typeof unicode = { ok: '+', fail: 'x', warn: '!', none: '-', dot: '-', ellipsis: '...', atLeast: '>=' }
const asAscii: Record<string, string> = {
  ...Object.fromEntries(Object.entries(unicode).map(([name, one]) => [one, ascii[name as keyof typeof ascii]])),
}
Object.assign(asAscii, { '→': '->', '←': '<-', '↔': '<->', '≤': '<=', '×': 'x', '—': '-', '’': "'", '“': '"', '”': '"', µ: 'u', '±': '+-' })

/** Lines longer than this are hard to read, whatever the window. */
const widest = 100
const narrowest = 40

/** Only a terminal, and not with NO_COLOR (no-color.org: any value but the empty one): who sets it wants plain text. */
export const takesEscapes = (out: Out, env: Io['env']): boolean => Boolean(out.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb'

export const styleOf = (out: Out, env: Io['env']): Style => {
  const coloured = takesEscapes(out, env)
  const isUnicode = /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '')
  const paint = (code: number) => (text: string) => (coloured && text ? `\u001b[${code}m${text}\u001b[0m` : text)
  return {
    width: Math.min(widest, Math.max(narrowest, (out.isTTY && out.columns) || widest)),
    symbols: isUnicode ? unicode : ascii,
    good: paint(32),
    bad: paint(31),
    warn: paint(33),
    dim: paint(2),
    strong: paint(1),
    fit: isUnicode ? text => text : text => text.replace(/\P{ASCII}/gu, one => asAscii[one] ?? '?'),
  }
}

/** Text broken at spaces into lines of at most `width` characters; a longer word gets a line of its own. */
export const wrap = (text: string, width: number): string[] => {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/ (?! )/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word.trimStart()
    } else line = line ? `${line} ${word}` : word
  }
  return [...lines, line]
}

/** Pieces side by side, three spaces apart, going on below when the line is full. */
export const flow = (pieces: string[], width: number): string[] => {
  const lines: string[] = []
  for (const piece of pieces) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 3 + piece.length <= width) lines[lines.length - 1] = `${last}   ${piece}`
    else lines.push(...wrap(piece, width))
  }
  return lines.length ? lines : ['']
}

/** How many columns a line takes; endless where that is up to the terminal. Of what is not ASCII only the symbols above are known to be narrow. */
export const widthOf = (line: string): number => {
  const text = stripVTControlCharacters(line)
  const unknown = text.replace(/[ -~]/g, '').replace(narrow, '')
  return unknown ? Number.POSITIVE_INFINITY : text.length
}

const narrow = new RegExp(`[${Object.keys(asAscii).join('')}]`, 'gu')
