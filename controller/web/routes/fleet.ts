/** `GET /v1/fleet`: the documents of all owners and their generations; `PUT /v1/fleet`: what a document would change, and unless it is a dry run, the change. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  type ApplyAnswer,
  type ApplyQuery,
  applyAnswerSchema,
  applyQuerySchema,
  type FleetAnswer,
  type FleetQuery,
  fleetAnswerSchema,
  fleetMediaTypes,
  fleetQuerySchema,
} from '../../../wire/api/fleet.ts'
import { liveAgentOf } from '../../assign/live-agents.ts'
import { mayAct, sayGrants } from '../../enrol/person.ts'
import { askPreview, oneAtATime } from '../../plan/ask-preview.ts'
import type { Preview } from '../../plan/preview.ts'
import { listPlannable } from '../../store/agents.ts'
import { currentDocuments, fleetGeneration, listGenerations, putDocument, type StoredGeneration } from '../../store/documents.ts'
import type { Sql } from '../../store/sql.ts'
import type { Parts } from '../parts.ts'
import { HttpProblem } from '../problem.ts'

const tags = ['people']

export const fleetRoutes = (app: FastifyInstance, parts: Parts): void => {
  // Its own reader of the file names the lines.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([...fleetMediaTypes], { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.get<{ Querystring: FleetQuery }>(
    '/v1/fleet',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'the documents of all owners, and every generation',
        tags,
        querystring: fleetQuerySchema,
        response: { 200: fleetAnswerSchema },
      },
    },
    async ({ query }, reply) => {
      const answer = await parts.store.read(sql => readFleet(sql, query))
      reply.header('etag', `"${answer.generation}"`)
      return answer
    },
  )
  const previewOf = previewer(parts)
  app.put<{ Querystring: ApplyQuery }>(
    '/v1/fleet',
    {
      config: { access: 'admin', byOwner: true },
      schema: {
        summary: 'replaces what the document’s owner has; with dryRun only says what that would change',
        tags,
        querystring: applyQuerySchema,
        consumes: [...fleetMediaTypes],
        response: { 200: applyAnswerSchema },
      },
    },
    async request => await apply(parts, previewOf, request),
  )
}

const readFleet = async (sql: Sql, { generation, owner, limit, after }: FleetQuery): Promise<FleetAnswer> => {
  const now = await fleetGeneration(sql)
  if (generation !== undefined && generation > now) throw new HttpProblem(404, `there is no generation ${generation}, the newest is ${now}`)
  if (after !== undefined && !/^\d{1,15}$/.test(after)) throw new HttpProblem(400, `the query: after: want the next of the page before`)
  const isOwn = (one: { owner: string }): boolean => owner === undefined || one.owner === owner
  const documents = (await currentDocuments(sql, generation)).filter(isOwn)
  const before = after === undefined ? now + 1 : Number(after)
  const rows = await listGenerations(sql, { before, limit: limit + 1, ...(owner !== undefined && { owner }) })
  const generations = rows.slice(0, limit).map(told)
  return {
    generation: generation ?? now,
    documents: documents.map(one => ({ ...told(one), document: one.document as Record<string, unknown> })),
    generations,
    next: rows.length > limit ? String(generations.at(-1)!.generation) : null,
  }
}

const told = ({ generation, owner, author, atMs }: StoredGeneration) => ({
  generation,
  owner,
  author,
  at: new Date(atMs).toISOString(),
})

type Previewer = (text: string) => Promise<{ preview: Preview; generation: number }>

const previewer = ({ store, fleet, nowMs, location, ending }: Parts): Previewer =>
  oneAtATime(async text => {
    const { generation, fleets } = await fleet.refresh()
    const agents = (await store.read(listPlannable)).map(liveAgentOf)
    const circumstances = { nowMs: nowMs(), ...(location && { controller: location }) }
    try {
      return { generation, preview: await askPreview({ text, documents: fleets, agents, circumstances }, ending) }
    } catch (error) {
      throw ending.aborted ? new HttpProblem(503, 'this controller is ending', { retryAfterS: 1 }) : error
    }
  })

const apply = async (
  { store, fleet, nowMs }: Parts,
  previewOf: Previewer,
  request: FastifyRequest<{ Querystring: ApplyQuery }>,
): Promise<ApplyAnswer> => {
  const wanted = expectedOf(request)
  const text = request.body
  if (typeof text !== 'string' || text.trim() === '') throw new HttpProblem(400, 'the body is empty, want a fleet file')
  const { preview, generation } = await previewOf(text)
  if (!preview.ok) {
    const { problems } = preview
    const many = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    throw new HttpProblem(422, `the fleet file has ${many}, nothing was applied`, { problems })
  }
  if (wanted !== undefined && wanted !== generation) throw conflict(wanted, generation)
  const { document, isSame, warnings, plan } = preview
  const person = request.person!
  if (!mayAct(person, 'admin', document.owner))
    throw new HttpProblem(403, `${person.name} has ${sayGrants(person)}, and this file is of the owner ${document.owner}`)
  const answer = { owner: document.owner, warnings, plan }
  if (isSame) return { ...answer, outcome: 'unchanged', generation }
  if (request.query.dryRun) return { ...answer, outcome: 'planned', generation }
  // What was judged is what is stored: another generation meanwhile may have taken names that this document uses.
  const stored = await store.write(sql => putDocument(sql, { document, author: person.name, nowMs: nowMs(), expected: generation }))
  if (!stored.ok) throw conflict(generation, stored.generation)
  await fleet.refresh()
  return { ...answer, outcome: 'applied', generation: stored.generation }
}

const conflict = (planned: number, now: number): HttpProblem =>
  new HttpProblem(409, `the fleet is at generation ${now}, and this was planned against ${planned}: look at it again`)

/** The entity tag of a generation is its number. */
const expectedOf = ({ query, headers }: FastifyRequest<{ Querystring: ApplyQuery }>): number | undefined => {
  const header = headers['if-match']
  if (header === undefined || header === '*') return query.expected
  const [, digits] = /^"?(\d{1,15})"?$/.exec(header) ?? []
  if (digits === undefined) throw new HttpProblem(400, `if-match: got ${JSON.stringify(header)}, want the etag of GET /v1/fleet`)
  return Number(digits)
}
