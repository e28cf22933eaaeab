/** `POST /v1/receivers/{name}/test`: whoever sets up a receiver sees what it answers. */
import type { FastifyInstance } from 'fastify'
import { type ReceiverTest, receiverParamsSchema, receiverTestSchema } from '../../../wire/api/receivers.ts'
import type { Parts } from '../parts.ts'
import { found } from '../problem.ts'

export const receiverRoutes = (app: FastifyInstance, { notifying }: Parts): void => {
  app.post<{ Params: { name: string } }>(
    '/v1/receivers/:name/test',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'tells a receiver at once that nothing is wrong, and says what it answered',
        tags: ['alerts'],
        params: receiverParamsSchema,
        response: { 200: receiverTestSchema },
      },
    },
    async ({ params: { name }, person }): Promise<ReceiverTest> => found(await notifying.test(name, person!.name), `receiver ${name}`),
  )
}
