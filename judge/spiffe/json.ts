/** JSON from strangers: bounded in size and depth, integers exact, and errors that repeat nothing of what was read (it may hold a key). */

export type JsonObject = { [name: string]: unknown }
export type ReadJson = { ok: true; value: unknown } | { ok: false; problem: string; tooDeep?: true }

/** A number that was written as an integer and that a JavaScript number cannot hold stays exact as a bigint. */
export const readJson = (text: string, maxDepth: number): ReadJson => {
  const depth = depthOf(text, maxDepth)
  if (depth > maxDepth) return { ok: false, problem: `nested more than ${maxDepth} deep`, tooDeep: true }
  try {
    // A reviver makes parsing several times dearer, and few texts have a number that needs it.
    return { ok: true, value: manyDigits.test(text) ? JSON.parse(text, exactIntegers) : JSON.parse(text) }
  } catch (error) {
    return { ok: false, problem: sayPlace(text, error) }
  }
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object that a text is, or undefined. */
export const readJsonObject = (text: string, maxDepth: number): JsonObject | undefined => {
  const read = readJson(text, maxDepth)
  return read.ok && isObject(read.value) ? read.value : undefined
}

/** Integers that a JavaScript number can't hold have 16 digits or more. */
const manyDigits = /\d{16}/

/** The third argument is the source text of a primitive (ECMAScript JSON.parse source text access; Node 21). */
const exactIntegers = (_name: string, value: unknown, context?: { source?: string }): unknown => {
  const source = context?.source
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined || source.length > 400) return value
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** Brackets open at once, outside strings; stops counting above `most`. */
const depthOf = (text: string, most: number): number => {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < text.length && deepest <= most; i++) {
    const one = text[i]
    if (one === '"') i = endOfString(text, i)
    else if (one === '{' || one === '[') deepest = Math.max(deepest, ++depth)
    else if (one === '}' || one === ']') depth--
  }
  return deepest
}

const endOfString = (text: string, start: number): number => {
  let i = start + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

const sayPlace = (text: string, error: unknown): string => {
  const message = error instanceof Error ? error.message : ''
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length)
  if (/end of JSON|Unterminated/.test(message) || position >= text.trimEnd().length) return 'not whole JSON: it ends in the middle'
  const before = text.slice(0, position).split('\n')
  return `not JSON: line ${before.length}, column ${before.at(-1)!.length + 1}`
}
