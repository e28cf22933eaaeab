import type { Steps } from '../../wire/problem.ts'
import { isObject } from '../../wire/read.ts'
import type { ConfigFile } from './schema.ts'

/** A place nobody is sent to: it stands for a target whose own is unreadable. */
const nowhere = '192.0.2.1:9'

/**
 * What of a file with mistakes can still be read for further ones: parts that do not fit are left out, and a target keeps its name, so that nobody is
 * told that it does not exist. Nothing of it is ever run.
 */
export const soundParts = (value: unknown, wrong: readonly Steps[]): ConfigFile => {
  if (!isObject(value)) return {}
  const isWrong = (...steps: Steps): boolean => wrong.some(one => steps.every((step, i) => one[i] === step) && one.length >= steps.length)
  const sound: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) {
    if (Array.isArray(part)) sound[key] = part.flatMap((item, i) => (isWrong(key, i) ? standIn(key, item) : [item]))
    else if (!isWrong(key)) sound[key] = part
  }
  return sound as ConfigFile
}

const standIn = (list: string, item: unknown): unknown[] =>
  list === 'targets' && isObject(item) && typeof item['name'] === 'string' ? [{ name: item['name'], address: nowhere }] : []
