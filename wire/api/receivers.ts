/** `POST /v1/receivers/{name}/test`: a notification that is of nothing, and what the receiver answers. */
import type { XStatic } from 'typebox/schema'

export const receiverParamsSchema = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
} as const

export const receiverTestSchema = {
  type: 'object',
  required: ['receiver', 'type', 'outcome', 'detail', 'tookMs'],
  properties: {
    receiver: { type: 'string' },
    type: { type: 'string', description: 'as in the fleet file' },
    outcome: {
      enum: ['taken', 'refused', 'failed'],
      description: 'refused: it does not take what it was sent, now or ever; failed: it may take it later',
    },
    detail: { type: 'string', description: 'what it answered, or why there was no answer' },
    tookMs: { type: 'integer', minimum: 0 },
  },
} as const
export type ReceiverTest = XStatic<typeof receiverTestSchema>
