/** Lists come in pages of a stable order: `?limit&after`, where `after` is the `next` of the page before. Null: there are no more. */
import type { Schema } from '../read.ts'

export type Page<T> = { items: T[]; next: string | null }

export const pageOf = <S extends Schema>(items: S) =>
  ({
    type: 'object',
    required: ['items', 'next'],
    properties: {
      items: { type: 'array', items },
      next: { anyOf: [{ type: 'string' }, { type: 'null' }], description: '`after` of the next page; null: this was the last' },
    },
  }) as const

/** What every list takes beside the filters of its columns. */
export const pageQuery = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'entries at most' },
  after: { type: 'string', maxLength: 2048, description: 'the `next` of the page before' },
} as const
