/** `probe rules export`: the rules in force, in the words of other programs. Asks no controller. */
import { stringify } from 'yaml'
import { parseFleet } from '../controller/fleet/parse.ts'
import { buildAlertmanager } from '../controller/rules/alertmanager.ts'
import { type Asked, buildRuleFile } from '../controller/rules/prometheus.ts'
import { buildRuleTests } from '../controller/rules/rule-tests.ts'
import { quote } from '../wire/values.ts'
import { flagOfWords, flagProblems, type Words } from './command-words.ts'
import type { Io } from './io.ts'
import { flags, ruleFormats } from './rules-help.ts'
import { readSmallFile } from './small-file.ts'
import { sayProblems } from './with-client.ts'

type Format = (typeof ruleFormats)[number]

const nothingOwn: Asked = { alerts: { rules: [], receivers: [], routes: [] }, links: [], mesh: [] }

const readFleet = (file: string | undefined): { ok: true; value: Asked } | { ok: false; problems: string[] } => {
  if (file === undefined) return { ok: true, value: nothingOwn }
  const read = readSmallFile(file)
  if (!read.ok) return { ok: false, problems: read.problems.map(problem => `${file}: ${problem}`) }
  const parsed = parseFleet(read.value.toString('utf8'))
  if (parsed.ok) return parsed
  return {
    ok: false,
    problems: parsed.problems.map(({ path, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${path}: ${message}`),
  }
}

const formOf = (words: Words): string => flagOfWords(words, 'format') ?? 'prometheus'

const wordProblems = (words: Words): string[] => {
  const format = formOf(words)
  const asked = words.targets.join(' ')
  return [
    ...flagProblems('rules', words, flags),
    ...(asked === 'export' ? [] : [asked === '' ? 'what of the rules? it has: export' : `${quote(asked)}: it has export only`]),
    ...(format === '' || (ruleFormats as readonly string[]).includes(format)
      ? []
      : [`--format: got ${quote(format)}, want ${ruleFormats.join(', ')}`]),
  ]
}

const builders: { readonly [F in Format]: (asked: Asked) => object } = {
  prometheus: buildRuleFile,
  'prometheus-tests': asked => buildRuleTests(asked, 'causeway-rules.yaml'),
  alertmanager: buildAlertmanager,
}

export const rulesCommand = async (words: Words, io: Io): Promise<number> => {
  const problems = wordProblems(words)
  if (problems.length) return sayProblems('rules', problems, io)
  const fleet = readFleet(flagOfWords(words, 'file'))
  if (!fleet.ok) return sayProblems('rules', fleet.problems, io)
  io.stdout.write(stringify(builders[formOf(words) as Format](fleet.value), { lineWidth: 0 }))
  return 0
}
