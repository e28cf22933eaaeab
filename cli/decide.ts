/** `probe silence`, `maintenance`, `change`, `baseline`: what people decide about alerts. */
import type { DecisionAnswer } from '../wire/api/incidents.ts'
import { quote } from '../wire/values.ts'
import { flagOfWords, outputProblems, type Words } from './command-words.ts'
import { type DecisionName, decisions, matchFlags } from './decide-help.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { sayTrouble, withClient } from './with-client.ts'

export const decideCommand =
  (name: DecisionName) =>
  async (words: Words, io: Io): Promise<number> => {
    const { path, add, help } = decisions[name]
    const [verb, ...more] = words.targets
    const isAdd = verb === add
    const of = (flag: string): string | undefined => flagOfWords(words, flag)
    const match = Object.fromEntries(Object.keys(matchFlags).flatMap(key => (of(key) === undefined ? [] : [[key, of(key)]])))
    const needsEnd = name === 'silence' || name === 'maintenance'
    const problems = [
      ...outputProblems(words, ['human', 'json']),
      ...(isAdd || verb === 'end' ? [] : [`${name}: ${verb === undefined ? 'what?' : quote(verb)} want ${add} or end`]),
      ...(isAdd && more.length > 0 ? [`${name} ${add}: ${quote(more[0]!)} does not belong here, it takes options only`] : []),
      ...(verb === 'end' && more.length !== 1 ? [`${name} end: want the id of one`] : []),
      ...(isAdd && of('reason') === undefined ? ['--reason: missing, it is shown to everyone who wonders why'] : []),
      ...(isAdd && needsEnd && of('for') === undefined && of('end') === undefined
        ? [`--for: missing: a ${name} without an end hides what it was not made for; say how long (2h), or --end a time`]
        : []),
      ...(isAdd && needsEnd && Object.keys(match).length === 0
        ? [
            `${name}: about what? ${Object.keys(matchFlags)
              .map(flag => `--${flag}`)
              .join(' ')}`,
          ]
        : []),
    ]
    return await withClient({ name, words, flags: help.flags, io }, problems, async client => {
      const times = Object.fromEntries(['start', 'end', 'for'].flatMap(flag => (of(flag) === undefined ? [] : [[flag, of(flag)]])))
      const body = { reason: of('reason'), match, ...times, ...(name === 'baseline' && { acceptBaseline: true }) }
      const asked = isAdd
        ? await client.ask<DecisionAnswer>(`/v1/${path}`, { method: 'POST', body })
        : await client.ask<DecisionAnswer>(`/v1/${path}/${encodeURIComponent(more[0]!)}`, { method: 'DELETE' })
      if (!asked.ok) return sayTrouble(name, asked, io)
      const { id, end } = asked.value
      if (of('output') === 'json') io.stdout.write(`${JSON.stringify(asked.value)}\n`)
      else io.stdout.write(`${printable(isAdd ? `${id}${end === undefined ? '' : ` until ${end}`}` : `ended ${id}`)}\n`)
      return 0
    })
  }
