/** Agents and controllers one version apart, either way: what one side writes the other reads. The other version is the previous commit's. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { readBySchema, type Schema } from '../../wire/read.ts'
import { samples } from './api-samples.ts'

type Samples = typeof samples
const root = fileURLToPath(new URL('../..', import.meta.url))
const file = 'test/wire/api-samples.ts'

/** The files of the previous commit, in a folder; undefined where there is none, or it had no such messages. */
const checkOut = (folder: string): boolean => {
  try {
    const archive = execFileSync('git', ['archive', 'HEAD^', 'wire', file], {
      cwd: root,
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
    return existsSync(join(folder, file))
  } catch {
    return false
  }
}

const folder = mkdtempSync(join(tmpdir(), 'causeway-skew-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const skip = checkOut(folder) ? false : 'needs the commit before this one, with its messages: git fetch --deepen 1'

/** As a version that knows more would send it: a field more in every object. */
const ofTheFuture = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(ofTheFuture)
  if (typeof value !== 'object' || value === null) return value
  return { ...Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, ofTheFuture(inner)])), fromTheFuture: { x: [1] } }
}

/** Maps of names to texts are the one place where a key more is a value more. */
const isText = (name: string): boolean => name === 'labels'
const withoutMaps = (message: object): object => Object.fromEntries(Object.entries(message).filter(([name]) => !isText(name)))

t.test('what each side sends is read by the other, which ignores what it does not know', { skip }, async t => {
  const { samples: before } = (await import(pathToFileURL(join(folder, file)).href)) as { samples: Samples }
  t.ok(Object.keys(before).length > 0)
  const read = (t: Test, name: string, schema: Schema, message: object): void => {
    t.strictSame(readBySchema(schema, message).problems, [], `${name}: ${JSON.stringify(message).slice(0, 120)}`)
    t.strictSame(readBySchema(schema, ofTheFuture(withoutMaps(message))).problems, [], `${name} with fields of the future`)
  }
  for (const [name, { schema, messages }] of Object.entries(samples)) {
    // A message that is new is not sent to who does not know it, or is an event that it ignores.
    for (const message of messages) if (before[name]) read(t, `new ${name} to the former version`, before[name].schema, message)
    for (const message of before[name]?.messages ?? []) read(t, `former ${name} to this version`, schema, message)
  }
  t.strictSame(
    Object.keys(before).filter(name => !samples[name]),
    [],
    'no message that the former version needs is gone',
  )
})

t.test('messages are open everywhere, whatever they are made of', async t => {
  for (const [name, { schema, messages }] of Object.entries(samples))
    for (const message of messages) t.strictSame(readBySchema(schema, ofTheFuture(withoutMaps(message))).problems, [], name)
})
