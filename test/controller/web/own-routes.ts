/** The routes that the controller really has, without those of the pages of `/docs`: `GET /v1/agents/:id`. */
import type { FastifyInstance } from 'fastify'

export const ownRoutes = (app: FastifyInstance): string[] =>
  app.routes
    .flatMap(({ method, url }) => [method].flat().map(one => `${one} ${url}`))
    .filter(route => !/^(HEAD|OPTIONS) /.test(route) && !/ \/docs(\/|$)/.test(route))
