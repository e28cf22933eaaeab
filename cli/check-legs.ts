/** `probe check --via …`: a way through gateways, leg by leg and as a whole, at the same time; the last line says which leg fails. */

import { judgeLegs, type Leg, type LegsJudged } from '../judge/legs.ts'
import type { Kind, Verdict } from '../wire/result.ts'
import { attemptLines, type CheckRun, verdictOfWay } from './check-text.ts'
import type { Client, Trouble } from './controller-client.ts'
import { followRun } from './follow-run.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { type Style, styleOf, wrap } from './terminal.ts'
import { sayTrouble } from './with-client.ts'

/** What a gateway that passes TLS through can be asked for itself. */
const gatewayKinds: readonly string[] = ['icmp', 'mtu', 'tcp', 'trace', 'udp']

export type Asked = { from: string; to: string; kinds?: Kind[]; agents?: number }
/** `whole`: the target that stands for the way as the workload uses it. */
export type LegsPlan = { legs: Asked[]; whole?: Asked }

/** A gateway, and the agent beside it: `eastwest=ew-1`; one word is both. */
const readVia = (text: string): { gateway: string; agent: string } => {
  const at = text.lastIndexOf('=')
  return at < 0 ? { gateway: text, agent: text } : { gateway: text.slice(0, at), agent: text.slice(at + 1) }
}

export const planLegs = (
  { from, to, kinds, agents }: Asked,
  vias: readonly string[],
  endToEnd: string | undefined,
): { plan: LegsPlan; problems: string[] } => {
  const gateways = vias.map(readVia)
  const problems = vias
    .filter((_, at) => gateways[at]!.gateway === '' || gateways[at]!.agent === '')
    .map(text => `--via: got ${JSON.stringify(text)}, want a target and the agent beside it: gateway=agent`)
  const more = agents === undefined ? {} : { agents }
  const atGateway = kinds?.filter(kind => gatewayKinds.includes(kind)) ?? []
  const places = [{ gateway: '', agent: from }, ...gateways, { gateway: to, agent: '' }]
  const legs = places.slice(1).map(({ gateway }, at): Asked => {
    const isLast = at === gateways.length
    const wanted = isLast ? kinds : kinds && (atGateway.length > 0 ? atGateway : (['tcp'] as Kind[]))
    return { from: places[at]!.agent, to: gateway, ...(wanted && { kinds: wanted }), ...more }
  })
  return { plan: { legs, ...(endToEnd && { whole: { from, to: endToEnd, ...(kinds && { kinds }), ...more } }) }, problems }
}

export const checkLegs = async (
  client: Client,
  { legs, whole }: LegsPlan,
  output: string,
  untilMs: number,
  io: Io,
  stop: AbortSignal,
): Promise<number> => {
  const all = [...legs, ...(whole ? [whole] : [])]
  const runs = await Promise.all(all.map(asked => runOnce(client, asked, untilMs, io, stop)))
  const trouble = runs.find((run): run is Trouble => !('agents' in run) && !isAbsence(run))
  if (trouble) return stop.aborted ? 130 : sayTrouble('check', trouble, io)
  const told = runs.map((run, at) => legOf(run, all[at]!))
  const judged = judgeLegs(told.slice(0, legs.length), whole && told.at(-1))
  if (output === 'json') io.stdout.write(`${JSON.stringify(documentOf(told, legs.length, judged), null, 2)}\n`)
  else tell(told, judged, io)
  return { ok: 0, degraded: 0, fail: 1, unmeasured: 3 }[judged.verdict]
}

/** The run has it. */
const withoutDiagnosis = ({ diagnosis: _, ...told }: Told): Omit<Told, 'diagnosis'> => told

/** Nobody is there who could measure it, or nothing of that name: that is no failure of the network, and other legs may say more. */
const isAbsence = ({ status }: Trouble): boolean => status === 409 || status === 404

type Told = Leg & { run: CheckRun | null; problem?: string }

const documentOf = (told: readonly Told[], count: number, { verdict, failing, summary, notes }: LegsJudged) => {
  const [whole, ...legs] = [told[count], ...told.slice(0, count)].map(one => one && withoutDiagnosis(one))
  return { schema: 'causeway.legs/1', verdict, failing, summary, notes, legs, ...(whole && { whole }) }
}

const legOf = (run: CheckRun | Trouble, { from, to }: Asked): Told =>
  'agents' in run
    ? {
        ...{ from, to, run },
        verdict: verdictOfWay(run, 'forward') ?? 'unmeasured',
        diagnosis: run.agents.filter(({ verdict }) => verdict === 'fail').flatMap(({ diagnosis }) => diagnosis),
      }
    : { from, to, run: null, verdict: 'unmeasured', diagnosis: [], problem: run.message }

/** A run as it is when it is over, or when time is. */
const runOnce = async (client: Client, asked: Asked, untilMs: number, io: Io, stop: AbortSignal): Promise<CheckRun | Trouble> => {
  const begun = await client.ask<{ id: string }>('/v1/runs', { method: 'POST', body: { agents: 1, ...asked, bothWays: false } }, stop)
  if (!begun.ok) return begun
  const seen = await followRun({ client, id: begun.value.id, untilMs, elapsedMs: io.elapsedMs, stop })
  return seen.ok ? seen.value.run : seen
}

const words: Record<Verdict, string> = { ok: 'ok', degraded: 'works, with warnings', fail: 'FAILS', unmeasured: 'not measured' }

const tell = (told: readonly Told[], { summary, notes, verdict }: LegsJudged, io: Io): void => {
  const style: Style = styleOf(io.stdout, io.env)
  const paint = { ok: style.good, degraded: style.warn, fail: style.bad, unmeasured: style.dim }
  const lines = [
    ...told.flatMap(({ run }) => run?.agents.flatMap(attempt => attemptLines(run, attempt, style)) ?? []),
    ...told.map(leg =>
      paint[leg.verdict](printable(`${leg.from} → ${leg.to}: ${words[leg.verdict]}${leg.problem === undefined ? '' : `, ${leg.problem}`}`)),
    ),
    ...wrap(printable(summary.charAt(0).toUpperCase() + summary.slice(1)), style.width).map(paint[verdict]),
    ...notes.flatMap(note => wrap(printable(`  ${note}`), style.width)),
  ]
  io.stdout.write(style.fit(`${lines.join('\n')}\n`))
}
