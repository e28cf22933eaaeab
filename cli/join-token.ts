/** `probe join-token`: what one agent enrols with. */
import type { JoinTokenAnswer } from '../wire/api/agents.ts'
import { quote } from '../wire/values.ts'
import { flagOfWords, outputProblems, strayProblems, type Words } from './command-words.ts'
import type { Io } from './io.ts'
import { flags } from './join-token-help.ts'
import { sayTrouble, withClient } from './with-client.ts'

const names = ['agent', 'cloud', 'region', 'zone', 'cluster', 'node'] as const

export const joinTokenCommand = async (words: Words, io: Io): Promise<number> => {
  const labels = (words.flags['label'] ?? []).map(text => /^([^=]+)=(.+)$/.exec(text) ?? text)
  const problems = [
    ...strayProblems('join-token', words),
    ...outputProblems(words, ['human', 'json']),
    ...(['cloud', 'region'] as const).flatMap(name =>
      flagOfWords(words, name) === undefined ? [`--${name}: missing, the agent will be there`] : [],
    ),
    ...labels.flatMap(one => (typeof one === 'string' ? [`--label: got ${quote(one)}, want name=value`] : [])),
  ]
  const said = Object.fromEntries(names.flatMap(name => (flagOfWords(words, name) === undefined ? [] : [[name, flagOfWords(words, name)]])))
  const body = { ...said, labels: Object.fromEntries(labels.flatMap(one => (typeof one === 'string' ? [] : [[one[1], one[2]]]))) }
  return await withClient({ name: 'join-token', words, flags, io }, problems, async client => {
    const made = await client.ask<JoinTokenAnswer>('/v1/join-tokens', { method: 'POST', body })
    if (!made.ok) return sayTrouble('join-token', made, io)
    const { token, agentId, expiresAt } = made.value
    if (flagOfWords(words, 'output') === 'json') io.stdout.write(`${JSON.stringify(made.value)}\n`)
    else {
      io.stdout.write(`${token}\n`)
      io.stderr.write(`for ${agentId}, once, until ${expiresAt}\n`)
    }
    return 0
  })
}
