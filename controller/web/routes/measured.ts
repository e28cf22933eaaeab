/** `GET /v1/paths`, `/v1/links`, `/v1/targets`, `/v1/history`, `/v1/slo`: what was measured, by path, link, target and time. */
import type { FastifyInstance } from 'fastify'
import { historyPageSchema, linkPageSchema, pathPageSchema, sloPageSchema, targetPageSchema } from '../../../wire/api/measured.ts'
import {
  type HistoryQuery,
  historyQuerySchema,
  type LinkQuery,
  linkQuerySchema,
  type PathQuery,
  pathQuerySchema,
  type SloQuery,
  sloQuerySchema,
  type TargetQuery,
  targetQuerySchema,
} from '../../../wire/api/measured-query.ts'
import type { HistoryFilter } from '../../history/question.ts'
import { historyAnswer, linkAnswers, pathAnswer, targetAnswers } from '../measured-answer.ts'
import { pageOfList } from '../pages.ts'
import type { Parts } from '../parts.ts'
import { type BurnRows, burnSpansMs, sloAnswers, sloSpanOf } from '../slo-answer.ts'
import { rangeOf } from '../spans.ts'

const tags = ['people']
const config = { access: 'viewer' } as const

export const measuredRoutes = (app: FastifyInstance, { history, fleet, nowMs }: Parts): void => {
  app.get<{ Querystring: PathQuery }>(
    '/v1/paths',
    { config, schema: { summary: 'paths that were measured', tags, querystring: pathQuerySchema, response: { 200: pathPageSchema } } },
    async ({ query }) => {
      const rows = await history.query({ ...rangeOf(query, nowMs()), groupBy: 'path', where: filterOf(query) })
      const paths = rows.map(pathAnswer).filter(({ measured }) => isOr(query.verdict, measured.verdict))
      return pageOfList(paths, ({ id, host, port, from, to }) => [id, host, port, from, to].join(' '), query)
    },
  )
  app.get<{ Querystring: LinkQuery }>(
    '/v1/links',
    {
      config,
      schema: {
        summary: 'links that the fleet names or that were measured',
        tags,
        querystring: linkQuerySchema,
        response: { 200: linkPageSchema },
      },
    },
    async ({ query }) => {
      const { merged } = await fleet.refresh()
      const rows = await history.query({ ...rangeOf(query, nowMs()), groupBy: 'link', where: filterOf(query) })
      const links = linkAnswers(merged.links, rows).filter(
        ({ from, to, owner, measured }) =>
          isIn(query.from, from) &&
          isIn(query.to, to) &&
          isOr(query.owner, owner) &&
          isOr(query.verdict, measured?.verdict ?? 'unmeasured'),
      )
      return pageOfList(links, ({ from, to }) => `${from} ${to}`, query)
    },
  )
  app.get<{ Querystring: TargetQuery }>(
    '/v1/targets',
    {
      config,
      schema: {
        summary: 'targets that the fleet names or that were measured',
        tags,
        querystring: targetQuerySchema,
        response: { 200: targetPageSchema },
      },
    },
    async ({ query }) => {
      const { merged } = await fleet.refresh()
      const rows = await history.query({ ...rangeOf(query, nowMs()), groupBy: 'target', where: filterOf(query) })
      const targets = targetAnswers(merged.targets, rows).filter(
        ({ name, owner, location, measured }) =>
          isOr(query.target, name) &&
          isOr(query.owner, owner) &&
          isIn(query.location, location) &&
          isOr(query.verdict, measured?.verdict ?? 'unmeasured'),
      )
      return pageOfList(targets, ({ name }) => name, query)
    },
  )
  addHistory(app, { history, nowMs })
  addSlo(app, { history, fleet, nowMs })
}

const addHistory = (app: FastifyInstance, { history, nowMs }: Pick<Parts, 'history' | 'nowMs'>): void => {
  app.get<{ Querystring: HistoryQuery }>(
    '/v1/history',
    {
      config,
      schema: {
        summary: 'what was measured over a time, by path, link, agent or target',
        tags,
        querystring: historyQuerySchema,
        response: { 200: historyPageSchema },
      },
    },
    async ({ query }) => {
      const { groupBy } = query
      const rows = await history.query({ ...rangeOf(query, nowMs()), groupBy, where: filterOf(query) })
      const answers = rows.filter(({ group }) => group !== '').map(row => ({ row, answer: historyAnswer(groupBy, row) }))
      const { items, next } = pageOfList(answers, ({ row, answer }) => `${answer.at} ${row.group}`, query)
      return { items: items.map(({ answer }) => answer), next }
    },
  )
}

const addSlo = (app: FastifyInstance, { history, fleet, nowMs }: Pick<Parts, 'history' | 'fleet' | 'nowMs'>): void => {
  app.get<{ Querystring: SloQuery }>(
    '/v1/slo',
    {
      config,
      schema: {
        summary: 'links with an objective, and what is left of it',
        tags,
        querystring: sloQuerySchema,
        response: { 200: sloPageSchema },
      },
    },
    async ({ query }) => {
      const { merged } = await fleet.refresh()
      const links = merged.links.filter(({ from, to, owner }) => isIn(query.from, from) && isIn(query.to, to) && isOr(query.owner, owner))
      const toMs = nowMs()
      const span = sloSpanOf(query, toMs)
      const where = filterOf({ ...(query.from !== undefined && { from: query.from }), ...(query.to !== undefined && { to: query.to }) })
      const rows = span.past ? await history.query({ ...span.past, groupBy: 'link', where }) : []
      const back = async (spanMs: number) => await history.query({ fromMs: toMs - spanMs, toMs, groupBy: 'link', where })
      const burns: BurnRows | undefined = span.isOver
        ? undefined
        : { h1: await back(burnSpansMs.h1), h6: await back(burnSpansMs.h6), d3: await back(burnSpansMs.d3) }
      return pageOfList(sloAnswers(links, rows, span, burns), ({ from, to }) => `${from} ${to}`, query)
    },
  )
}

const filterNames = ['agent', 'check', 'kind', 'target', 'from', 'to', 'path'] as const

const filterOf = (query: HistoryFilter): HistoryFilter =>
  Object.fromEntries(filterNames.flatMap(name => (query[name] === undefined ? [] : [[name, query[name]]])))

const isOr = (wanted: string | undefined, value: string | undefined): boolean => wanted === undefined || wanted === value
/** `aws` has `aws/us-east-1` in it, and that the zones of it. */
const isIn = (wanted: string | undefined, place: string | undefined): boolean =>
  wanted === undefined || place === wanted || place?.startsWith(`${wanted}/`) === true
