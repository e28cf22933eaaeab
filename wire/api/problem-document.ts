/** What every route answers when it does not do what was asked: a problem document (RFC 9457), `application/problem+json`. */
import type { XStatic } from 'typebox/schema'

export const problemMediaType = 'application/problem+json'

export const problemDocumentSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'problems'],
  properties: {
    type: { type: 'string', description: 'about:blank: the status says it all' },
    title: { type: 'string', description: 'what the status is called' },
    status: { type: 'integer', description: 'of HTTP' },
    detail: { type: 'string', description: 'what was seen and what is wanted' },
    problems: {
      type: 'array',
      description: 'all that is wrong with what was sent, each with its place',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, line: { type: 'integer' }, message: { type: 'string' } },
      },
    },
  },
} as const

export type ProblemDocument = XStatic<typeof problemDocumentSchema>
