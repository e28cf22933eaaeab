import { isObject } from './read.ts'

/**
 * The same schema for messages between programs that may be a version apart: what is not known is let through, at every depth, instead of being a mistake. For
 * the reader; what it makes of the message is as before.
 */
export const open = <S>(schema: S): S => opened(schema) as S

const opened = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(opened)
  if (!isObject(schema)) return schema
  const rest = Object.entries(schema).filter(([key, value]) => key !== 'additionalProperties' || value !== false)
  return Object.fromEntries(rest.map(([key, value]) => [key, opened(value)]))
}
