/** `probe import istio`: targets from what a mesh already says of the services of another. */
import { stringify } from 'yaml'
import { parseFleet } from '../controller/fleet/parse.ts'
import { quote } from '../wire/values.ts'
import { maxFleetBytes } from '../wire/yaml.ts'
import { readPiped } from './ask.ts'
import { flagOfWords, flagProblems, type Words } from './command-words.ts'
import { flags } from './import-help.ts'
import type { Io } from './io.ts'
import { readIstio } from './istio/objects.ts'
import { targetsOf } from './istio/targets.ts'
import { printable } from './printable.ts'
import { readSmallFile } from './small-file.ts'
import { problemLine, sayProblems } from './with-client.ts'

type Source = { name: string; text: string }

export const importCommand = async (words: Words, io: Io): Promise<number> => {
  const [what, ...files] = words.targets
  const problems = [
    ...flagProblems('import', words, flags),
    ...(what === 'istio' ? [] : [what === undefined ? 'import what? it has: istio' : `${quote(what)}: it has istio only`]),
    ...(what === 'istio' && files.length === 0 ? ['no file: name some, or - for what is piped in'] : []),
  ]
  if (problems.length > 0) return sayProblems('import', problems, io)
  const sources = await Promise.all(files.map(file => readSource(file, io)))
  const unread = sources.flatMap(source => ('problem' in source ? [source.problem] : []))
  if (unread.length > 0) return sayProblems('import', unread, io)
  return write(
    sources.filter(source => 'text' in source),
    words,
    io,
  )
}

const readSource = async (file: string, io: Io): Promise<Source | { problem: string }> => {
  if (file === '-') {
    const text = await readPiped(io.stdin, maxFleetBytes)
    return text === undefined ? { problem: '-: nothing is piped in' } : { name: 'stdin', text }
  }
  const read = readSmallFile(file)
  return read.ok ? { name: file, text: read.value.toString('utf8') } : { problem: `${quote(file)}: ${read.problems.join('; ')}` }
}

const write = (sources: readonly Source[], words: Words, io: Io): number => {
  const read = sources.map(({ name, text }) => ({ name, ...readIstio(text) }))
  const mistakes = read.flatMap(({ name, problems }) => problems.map(problem => problemLine(problem, name)))
  for (const mistake of mistakes) io.stderr.write(`${mistake}\n`)
  if (mistakes.length > 0) return 2
  const all = {
    entries: read.flatMap(({ objects }) => objects.entries),
    rules: read.flatMap(({ objects }) => objects.rules),
    gateways: read.flatMap(({ objects }) => objects.gateways),
  }
  const { targets, notes } = targetsOf(all, flagOfWords(words, 'location'))
  const others = read.reduce((sum, one) => sum + one.others, 0)
  if (others > 0) notes.push(`${others} ${others === 1 ? 'object' : 'objects'} of other kinds passed over`)
  for (const note of notes) io.stderr.write(`probe import: ${printable(note)}\n`)
  if (targets.length === 0) {
    io.stderr.write('probe import: no Gateway and no ServiceEntry with an address: nothing to write\n')
    return 1
  }
  const text = stringify({ apiVersion: 'causeway/v1', owner: flagOfWords(words, 'owner') ?? 'istio', targets }, { lineWidth: 0 })
  const parsed = parseFleet(text)
  // What an option says may be no place and no owner.
  if (!parsed.ok) return sayProblems('import', [...new Set(parsed.problems.map(({ path, message }) => `${path}: ${message}`))], io)
  io.stdout.write(text)
  return 0
}
