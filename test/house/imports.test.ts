import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Which rooms a room may import, besides itself. Imports go one way. */
const allowed: Record<string, string[]> = {
  wire: [],
  judge: ['wire'],
  probes: ['judge', 'wire'],
  agent: ['probes', 'judge', 'wire'],
  controller: ['judge', 'wire'],
  'deploy/sim': ['probes/net', 'wire'],
  cli: ['agent', 'controller', 'probes', 'judge', 'wire', 'deploy/sim'],
}
/** Builtins that do no input or output. The rooms without I/O may use these, and the types of any. */
const pureBuiltins = ['node:buffer', 'node:crypto', 'node:util', 'node:url']
const pureRooms = ['wire', 'judge']
/** What of another builtin they may use all the same. */
const pureNames = /^import \{ (isIP(v4|v6)?(, )?)+ \} from 'node:net'$/m

const root = fileURLToPath(new URL('../..', import.meta.url))
const roomOf = (path: string): string => (path.startsWith('deploy/sim/') ? 'deploy/sim' : path.split('/')[0]!)
const isIn = (path: string, room: string): boolean => path.startsWith(`${room}/`)
const files = globSync('{wire,judge,probes,agent,controller,deploy,cli}/**/*.{ts,mjs}', { cwd: root })
const statement =
  /^(?:import|export)\s(?<type>type\s)?(?:[^'"]*?\sfrom\s)?['"](?<from>[^'"]+)['"]|(?<typeOf>typeof )?import\(\s*[^)]*?['"](?<lazily>[^'"]+)['"]/gm
const isPure = (file: string, path: string): boolean =>
  pureBuiltins.includes(path) || (path === 'node:net' && pureNames.test(readFileSync(join(root, file), 'utf8')))
const importsOf = (file: string): { path: string; isType: boolean }[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(statement)].map(({ groups = {} }) => {
    const from = (groups['from'] ?? groups['lazily'])!
    return {
      path: from.startsWith('.') ? relative(root, join(root, dirname(file), from)) : from,
      isType: Boolean(groups['type'] ?? groups['typeOf']),
    }
  })

t.test('imports go one way, and the rooms without I/O do none', async t => {
  t.ok(files.length > 50 && files.flatMap(importsOf).length > 200, 'there is something to look at')
  for (const file of files)
    for (const { path, isType } of importsOf(file)) {
      const room = roomOf(file)
      if (path.startsWith('node:')) t.ok(!pureRooms.includes(room) || isType || isPure(file, path), `${file} imports ${path}`)
      else if (path.includes('/') && allowed[roomOf(path)] !== undefined)
        t.ok(roomOf(path) === room || allowed[room]?.some(other => isIn(path, other)), `${file} imports ${path}`)
      else t.notOk(isIn(path, 'test') || path.startsWith('..'), `${file} imports ${path}`)
    }
})

t.test('the rules find what breaks them', async t => {
  t.match(importsOf('cli/run.ts'), [{ path: /./ }])
  t.ok(
    importsOf('cli/run.ts').some(({ path }) => path === 'probes/index.ts'),
    'also what is loaded only when it is used',
  )
  t.ok(importsOf('wire/options.ts').some(({ path, isType }) => path === 'typebox/schema' && isType))
})
