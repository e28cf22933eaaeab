import { resolve } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import type { Io } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import { ruleFormats } from '../../cli/rules-help.ts'

const run = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
  const texts = { out: '', err: '' }
  const to = (which: 'out' | 'err') => ({ write: (text: string) => void (texts[which] += text) })
  const io: Io = {
    stdout: to('out'),
    stderr: to('err'),
    env: {},
    now: () => new Date(0),
    elapsedMs: () => 0,
    onStop: () => () => {},
    exit: () => {},
  }
  return { code: await main(['rules', ...args], io), ...texts }
}

t.test('every format is YAML on stdout, and nothing else is', async t => {
  for (const format of ruleFormats) {
    const { code, out, err } = await run('export', '--format', format)
    t.equal(code, 0, err)
    t.type(parse(out), 'object', format)
  }
})

t.test('without a format it is for Prometheus', async t => {
  t.match(parse((await run('export')).out), { groups: [{ name: 'causeway' }] })
})

t.test('words that mean nothing are all told at once', async t => {
  const { code, out, err } = await run('import', '--format', 'nagios')
  t.equal(code, 2)
  t.equal(out, '')
  t.match(err, 'it has export only')
  t.match(err, 'nagios')
})

t.test('a fleet file that cannot be read, or has mistakes, is told with its name', async t => {
  const missing = await run('export', '-f', '/nonexistent/fleet.yaml')
  t.equal(missing.code, 2)
  t.match(missing.err, '/nonexistent/fleet.yaml')
  const wrong = resolve(import.meta.dirname, '../../package.json')
  const { code, err } = await run('export', '--file', wrong)
  t.equal(code, 2)
  t.match(err, 'package.json')
})
