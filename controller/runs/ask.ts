/** From what somebody asks for to a run in the store, whose parts reach their agents wherever those are connected. */
import type { RunRequest } from '../../wire/api/runs.ts'
import type { Problem } from '../../wire/problem.ts'
import { readPresent } from '../assign/live-agents.ts'
import type { FleetReader } from '../fleet/current.ts'
import { meshKinds } from '../fleet/mesh-rules.ts'
import { kindsOn } from '../plan/target-checks.ts'
import { addEvent } from '../store/events.ts'
import { addRun, dropRuns, type NewPart, openParts } from '../store/runs.ts'
import type { Store } from '../store/store.ts'
import { chooseAgents } from './choose.ts'
import { defaultKinds, optionProblems, runBody } from './message.ts'
import { watchGraceMs, watchProblems } from './watch.ts'

/** Results that come later are not waited for. */
export const runMs = 600_000
/** What came of it can be read for so long afterwards. */
const keptMs = 86_400_000
/** Parts that wait for an answer, of all runs: probes that nobody planned. */
const maxOpenParts = 200

type Means = { store: Pick<Store, 'read' | 'write'>; fleet: FleetReader; nowMs: number; random: (bytes: number) => Uint8Array }
export type Refused = { ok: false; status: 400 | 404 | 409 | 429; detail: string; problems?: Problem[] }

export const askForRun = async (
  { store, fleet, nowMs, random }: Means,
  request: RunRequest,
  author: string,
): Promise<{ ok: true; id: string } | Refused> => {
  const { merged } = fleet.now()
  const newId = (): string => Buffer.from(random(12)).toString('base64url')
  const id = newId()
  const choice = chooseAgents(request, { live: await readPresent(store, nowMs), targets: merged.targets, links: merged.links, seed: id })
  if (!choice.ok) return { ok: false, status: choice.status, detail: choice.problem }
  const target = choice.isTarget ? choice.chosen[0]!.targetFor('echo') : undefined
  const kinds = request.kinds ?? defaultKinds(target, target ? kindsOn(target.name, merged) : [])
  const options = request.options as Parameters<typeof optionProblems>[1]
  const problems = [...kindProblems(kinds, choice.isTarget), ...optionProblems(kinds, options), ...watchProblems(request)]
  if (problems.length > 0) return { ok: false, status: 400, detail: `the body: ${problems[0]!.path}: ${problems[0]!.message}`, problems }
  const { watch } = request
  const expiresMs = nowMs + (watch ? watch.durationMs + watchGraceMs : runMs)
  const parts = choice.chosen.map((chosen): NewPart => {
    const body = runBody(chosen, kinds, options)
    return {
      id: newId(),
      runId: id,
      agentId: chosen.agentId,
      direction: chosen.direction,
      message: JSON.stringify({ ...body, ...(watch && { watch }) }),
      expiresMs,
    }
  })
  return await store.write(async sql => {
    await dropRuns(sql, nowMs - keptMs)
    if ((await openParts(sql, nowMs)).length + parts.length > maxOpenParts)
      return { ok: false, status: 429, detail: 'too many runs that were asked for have not been answered yet' }
    await addRun(sql, { id, asked: { ...request, kinds }, author, createdMs: nowMs, expiresMs }, parts)
    await addEvent(sql, { kind: 'run_requested', subject: id, body: { author, from: request.from, to: request.to, agents: parts.length } })
    return { ok: true, id }
  })
}

const kindProblems = (kinds: RunRequest['kinds'] & {}, isTarget: boolean): Problem[] =>
  isTarget
    ? []
    : kinds
        .filter(kind => !meshKinds.includes(kind))
        .map(kind => ({ path: 'kinds', message: `agents do not answer ${kind}; between them there are ${meshKinds.join(', ')}` }))
