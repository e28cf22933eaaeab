/** `probe check`: agents measure now, and a pipeline hears which way it fails. */

import { kinds } from '../wire/result.ts'
import { parseDurationMs, quote } from '../wire/values.ts'
import { flags } from './check-help.ts'
import { attemptLines, type CheckRun, documentOf, exitCodeOfRun, isOver, wayLines, wayOf } from './check-text.ts'
import { flagOfWords, isSet, outputProblems, strayProblems, type Words } from './command-words.ts'
import type { Client } from './controller-client.ts'
import { followRun } from './follow-run.ts'
import type { Io } from './io.ts'
import { junitText } from './junit.ts'
import { styleOf } from './terminal.ts'
import { sayTrouble, withClient } from './with-client.ts'

const defaultTimeoutMs = 120_000

export const checkCommand = async (words: Words, io: Io): Promise<number> => {
  const named = (words.flags['kinds'] ?? []).flatMap(text => text.split(',').map(word => word.trim()))
  const [agents, timeout] = [flagOfWords(words, 'agents'), flagOfWords(words, 'timeout')]
  const timeoutMs = timeout ? parseDurationMs(timeout) : ({ ok: true, value: defaultTimeoutMs } as const)
  const problems = [
    ...strayProblems('check', words, 'places are options: --from and --to'),
    ...outputProblems(words, ['human', 'json', 'junit']),
    ...(['from', 'to'] as const).flatMap(name => (flagOfWords(words, name) === undefined ? [`--${name}: missing`] : [])),
    ...named
      .filter(kind => kind !== '' && !(kinds as readonly string[]).includes(kind))
      .map(kind => `--kinds: got ${quote(kind)}, want some of ${kinds.join(', ')}`),
    ...(agents && !/^([1-9]|10)$/.test(agents) ? [`--agents: got ${quote(agents)}, want 1 to 10`] : []),
    ...(timeoutMs.ok ? [] : timeoutMs.problems.map(problem => `--timeout: ${problem}`)),
  ]
  const asked = {
    from: flagOfWords(words, 'from'),
    to: flagOfWords(words, 'to'),
    bothWays: isSet(words, 'both-ways'),
    ...(named.length > 0 && { kinds: named }),
    ...(agents && { agents: Number(agents) }),
  }
  const untilMs = io.elapsedMs() + (timeoutMs.ok ? timeoutMs.value : defaultTimeoutMs)
  const vias = words.flags['via'] ?? []
  const endToEnd = flagOfWords(words, 'end-to-end')
  if (vias.length > 0 || endToEnd !== undefined) {
    const { planLegs, checkLegs } = await import('./check-legs.ts')
    const { plan, problems: wrong } = planLegs(asked as Parameters<typeof planLegs>[0], vias, endToEnd)
    const output = flagOfWords(words, 'output') ?? 'human'
    const unfit = [
      ...(asked.bothWays ? ['--both-ways: a way through gateways is measured one way: ask for the other with its own gateways'] : []),
      ...(output === 'junit' ? ['--output: a way through gateways is told as human or json'] : []),
    ]
    return await withClient({ name: 'check', words, flags, io }, [...problems, ...wrong, ...unfit], (client, stop) =>
      checkLegs(client, plan, output, untilMs, io, stop),
    )
  }
  return await withClient({ name: 'check', words, flags, io }, problems, async (client, stop) => {
    const begun = await client.ask<{ id: string }>('/v1/runs', { method: 'POST', body: asked }, stop)
    // Nobody there can measure it: that is no failure of the network.
    if (!begun.ok) return sayTrouble('check', begun.status === 409 ? { ...begun, exitCode: 3 } : begun, io)
    return await follow(client, begun.value.id, flagOfWords(words, 'output') ?? 'human', untilMs, io, stop)
  })
}

/** Tells of each agent as soon as it has finished. Returns the exit code. */
const follow = async (client: Client, id: string, output: string, untilMs: number, io: Io, stop: AbortSignal): Promise<number> => {
  const told = new Set<number>()
  const onNews = (run: CheckRun): void => {
    if (output === 'human') tellNew(run, told, io)
  }
  const seen = await followRun({ client, id, untilMs, elapsedMs: io.elapsedMs, stop, onNews })
  if (!seen.ok) {
    if (!stop.aborted) return sayTrouble('check', seen, io)
    io.stderr.write(`probe check: stopped; probe get run ${id} shows what comes of it\n`)
    return 130
  }
  const { run, isDone } = seen.value
  if (!isDone) io.stderr.write(`probe check: not all agents have answered in time; probe get run ${id} shows what comes later\n`)
  return tellEnd(run, output, io)
}

const tellNew = (run: CheckRun, told: Set<number>, io: Io): void => {
  const style = styleOf(io.stdout, io.env)
  for (const [index, attempt] of run.agents.entries()) {
    if (told.has(index) || !isOver(attempt)) continue
    told.add(index)
    io.stdout.write(style.fit(`${attemptLines(run, attempt, style).join('\n')}\n`))
  }
}

const tellEnd = (run: CheckRun, output: string, io: Io): number => {
  if (output === 'json') io.stdout.write(`${JSON.stringify(run, null, 2)}\n`)
  else if (output === 'junit')
    io.stdout.write(
      junitText(
        run.agents.map(attempt => documentOf(run, attempt)),
        'probe check',
        run.agents.map(({ agent, direction, target }) => `${wayOf(run, direction)} (${agent} to ${target.name})`),
      ),
    )
  else {
    const style = styleOf(io.stdout, io.env)
    io.stdout.write(style.fit(`${wayLines(run, style).join('\n')}\n`))
  }
  return exitCodeOfRun(run)
}
