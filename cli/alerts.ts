/** `probe alerts test`: whether a receiver takes what it is told. */
import type { ReceiverTest } from '../wire/api/receivers.ts'
import { nearest } from '../wire/near.ts'
import { quote } from '../wire/values.ts'
import { flags } from './alerts-help.ts'
import { flagOfWords, outputProblems, type Words } from './command-words.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { sayTrouble, withClient } from './with-client.ts'

export const alertsCommand = async (words: Words, io: Io): Promise<number> => {
  const name = flagOfWords(words, 'receiver')
  const problems = [
    ...actionProblems(words.targets),
    ...outputProblems(words, ['human', 'json']),
    ...(name === undefined ? ['--receiver: missing, the name of a receiver of the fleet file'] : []),
  ]
  return await withClient({ name: 'alerts', words, flags, io }, problems, async (client, stop) => {
    const asked = await client.ask<ReceiverTest>(`/v1/receivers/${encodeURIComponent(name!)}/test`, { method: 'POST' }, stop)
    if (!asked.ok) return sayTrouble('alerts', asked, io)
    const { receiver, type, outcome, detail, tookMs } = asked.value
    const line = `${receiver} (${type}): ${outcome} after ${tookMs} ms: ${detail}`
    io.stdout.write(flagOfWords(words, 'output') === 'json' ? `${JSON.stringify(asked.value)}\n` : `${printable(line)}\n`)
    return outcome === 'taken' ? 0 : 1
  })
}

const actionProblems = ([action, ...more]: readonly string[]): string[] => {
  const hint = nearest(action ?? '', ['test']) ? 'did you mean test?' : 'want test'
  return [
    ...(action === undefined ? ['alerts what? test'] : action === 'test' ? [] : [`unknown action ${quote(action)}, ${hint}`]),
    ...more.map(word => `${quote(word)} does not belong here, did you mean --receiver ${word}?`),
  ]
}
