/** `probe inspect`: judges what is in a file with the probes' own judges, without a network. */

import { bad, good, type Parsed } from '../wire/values.ts'
import { exactly, inspectLines } from './inspect-human.ts'
import { type InspectDocument, judgeContent } from './inspect-judge.ts'
import { type InspectPlan, parseInspectWords } from './inspect-options.ts'
import { readAuthorities, readBundles, readBytes, readContent, readKeyFile } from './inspect-read.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import type { Words } from './run-words.ts'
import { styleOf } from './terminal.ts'

/** The command. Returns the exit code: 0 ok, 1 a rule is broken, 2 unreadable or bad usage. */
export const inspectCommand = async (words: Words, io: Io, stdin: AsyncIterable<Uint8Array | string> = process.stdin): Promise<number> => {
  const tell = (problems: string[]) => io.stderr.write(problems.map(problem => `probe inspect: ${printable(problem)}\n`).join(''))
  const plan = parseInspectWords(words)
  const judged = plan.ok ? await inspect(plan.value, io, stdin) : plan
  if (!plan.ok || !judged.ok) {
    tell(judged.ok ? [] : judged.problems)
    return 2
  }
  const { document, notes } = judged.value
  tell(notes)
  const name = plan.value.file === '-' ? 'stdin' : plan.value.file
  if (plan.value.output === 'json') io.stdout.write(`${JSON.stringify(document, exactly, 2)}\n`)
  else {
    const style = styleOf(io.stdout, io.env)
    io.stdout.write(style.fit(`${inspectLines(document, name, style).join('\n')}\n`))
  }
  return document.ok ? 0 : 1
}

type Inspected = { document: InspectDocument; notes: string[] }

const inspect = async (plan: InspectPlan, io: Io, stdin: AsyncIterable<Uint8Array | string>): Promise<Parsed<Inspected>> => {
  const about = (name: string) => (problem: string) => `${name}: ${problem}`
  const bytes = await readBytes(plan.file, stdin)
  const content = bytes.ok ? readContent(bytes.value, plan.expect !== undefined || plan.ca !== undefined) : bytes
  const bundles = plan.bundles.length ? await readBundles(plan.bundles) : good(undefined)
  const ca = plan.ca === undefined ? good(undefined) : await readAuthorities(plan.ca)
  const key = plan.key === undefined ? good(undefined) : await readKeyFile(plan.key)
  if (!content.ok || !bundles.ok || !ca.ok || !key.ok) {
    const name = plan.file === '-' ? 'stdin' : plan.file
    return bad(
      ...(content.ok ? [] : content.problems.map(about(name))),
      ...(bundles.ok ? [] : bundles.problems),
      ...(ca.ok ? [] : ca.problems.map(about(`--ca: ${plan.ca}`))),
      ...(key.ok ? [] : key.problems.map(about(`--key: ${plan.key}`))),
    )
  }
  const { expect, audience, atMs } = plan
  const nowMs = atMs ?? io.now().getTime()
  const document = await judgeContent(content.value, {
    nowMs,
    expect,
    audience,
    bundles: bundles.value?.bundles,
    ca: ca.value,
    key: key.value,
  })
  return good({ document, notes: bundles.value?.notes ?? [] })
}
