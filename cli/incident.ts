/** `probe incident <id>`: one incident as on-call reads it, and `ack`. */
import type { IncidentAnswer } from '../wire/api/incidents.ts'
import { quote } from '../wire/values.ts'
import { flagOfWords, outputProblems, type Words } from './command-words.ts'
import { flags } from './incident-help.ts'
import { incidentText } from './incident-text.ts'
import type { Io } from './io.ts'
import { styleOf } from './terminal.ts'
import { sayTrouble, withClient } from './with-client.ts'

export const incidentCommand = async (words: Words, io: Io): Promise<number> => {
  const [id, verb, ...more] = words.targets
  const note = flagOfWords(words, 'note')
  const problems = [
    ...outputProblems(words, ['human', 'json']),
    ...(id === undefined ? ['want the id of one, which probe get incidents shows'] : []),
    ...(verb !== undefined && verb !== 'ack' ? [`${quote(verb)}: want ack, or nothing`] : []),
    ...more.map(word => `${quote(word)} does not belong here`),
    ...(note !== undefined && verb !== 'ack' ? ['--note: goes with ack'] : []),
  ]
  return await withClient({ name: 'incident', words, flags, io }, problems, async client => {
    const path = `/v1/incidents/${encodeURIComponent(id!)}`
    const asked =
      verb === 'ack'
        ? await client.ask<IncidentAnswer>(`${path}/ack`, { method: 'POST', body: note === undefined ? {} : { note } })
        : await client.ask<IncidentAnswer>(path)
    if (!asked.ok) return sayTrouble('incident', asked, io)
    if (flagOfWords(words, 'output') === 'json') io.stdout.write(`${JSON.stringify(asked.value, null, 2)}\n`)
    else io.stdout.write(`${incidentText(asked.value, styleOf(io.stdout, io.env), io.now().getTime())}\n`)
    return 0
  })
}
