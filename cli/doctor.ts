/** `probe doctor`: what an agent would be able to do from here, and what to change. */

import { choiceOf, hasIdentity } from '../agent/config/identity-choice.ts'
import { settings } from '../agent/config/layers.ts'
import { examine, type Surroundings } from '../agent/examine/examine.ts'
import { nobody } from '../agent/interception.ts'
import { locate } from '../agent/locate/locate.ts'
import type { Finding } from '../agent/self-test.ts'
import { openIdentity } from '../probes/identity/source.ts'
import { quote } from '../wire/values.ts'
import { readAgentConfig } from './agent-config.ts'
import { flagOfWords, outputProblems, type Words } from './command-words.ts'
import { openClient, readAccess } from './controller-client.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { type Style, styleOf, wrap } from './terminal.ts'
import { sayProblems } from './with-client.ts'

const known = ['config', 'export', 'output', ...Object.values(settings).map(({ flag }) => flag)]

/** `at`: where nobody can be, and metadata services, for a test that is not to leave its machine. */
export const doctorCommand = async (words: Words, io: Io, at: Partial<Pick<Surroundings, 'nobody' | 'locate'>> = {}): Promise<number> => {
  const config = readAgentConfig(words, io)
  const problems = [
    ...words.targets.map(word => `${quote(word)} does not belong here; probe run measures targets`),
    ...Object.keys(words.flags).flatMap(name =>
      known.includes(name) ? [] : [`--${name}: unknown option of doctor, it has ${known.map(one => `--${one}`).join(' ')}`],
    ),
    ...outputProblems(words, ['human', 'json']),
    ...(config.ok ? [] : config.problems),
  ]
  if (!config.ok || problems.length > 0) return sayProblems('doctor', problems, io)
  const stop = new AbortController()
  const endListening = io.onStop(() => stop.abort())
  const around: Surroundings = {
    environment: io.env,
    nowMs: () => io.now().getTime(),
    locate: signal => locate({ environment: io.env, ...(config.value.self.node && { node: config.value.self.node }) }, signal),
    nobody,
    ...at,
    ...(hasIdentity(config.value) && { readIdentity: openIdentity(choiceOf(config.value)) }),
  }
  const [findings, people] = await Promise.all([examine(config.value, around, stop.signal), examineToken(words, io, stop.signal)])
  endListening()
  const all = [...findings, ...people]
  if (flagOfWords(words, 'output') === 'json') io.stdout.write(`${JSON.stringify({ schema: 'causeway.doctor/1', findings: all })}\n`)
  else io.stdout.write(`${reportLines(all, styleOf(io.stdout, io.env)).join('\n')}\n`)
  return all.some(({ state }) => state === 'missing') ? 1 : 0
}

/** The token of who asks, where there is one: an agent needs none. */
const examineToken = async (words: Words, io: Io, stop: AbortSignal): Promise<Finding[]> => {
  const access = readAccess(words, io.env)
  if (!access.ok || !access.value.token) return []
  const client = openClient(access.value)
  try {
    const answer = await client.ask('/v1/agents', { query: { limit: 1 } }, stop)
    const what = 'your token'
    if (answer.ok) return [{ what, state: 'ok', detail: `${access.value.controller} takes it` }]
    return [{ what, state: 'missing', detail: answer.message, ...(answer.status === 401 && { remedy: 'probe login' }) }]
  } finally {
    await client.close()
  }
}

const signs = { ok: 'ok', limited: 'warn', missing: 'fail' } as const
const paints = { ok: 'good', limited: 'warn', missing: 'bad' } as const

const linesOf = ({ what, state, detail, remedy }: Finding, column: number, style: Style): string[] => {
  const body = (text: string): string[] => wrap(style.fit(printable(text)), style.width - column)
  const [first = '', ...rest] = [...body(detail), ...(remedy === undefined ? [] : body(`→ ${remedy}`))]
  const name = style.fit(what)
  const head = `${style[paints[state]](style.symbols[signs[state]])} ${style.strong(name)}${' '.repeat(column - 2 - name.length)}${first}`
  return [head, ...rest.map(line => ' '.repeat(column) + line)]
}

/** All details begin below one another. */
const reportLines = (findings: readonly Finding[], style: Style): string[] => {
  const column = Math.max(...findings.map(({ what }) => what.length)) + 4
  return findings.flatMap(one => linesOf(one, column, style))
}
