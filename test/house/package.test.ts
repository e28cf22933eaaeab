import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[]; dependencies: Record<string, string> }
const sources = globSync('{wire,judge,probes,agent,controller,cli,deploy/sim}/**/*', { cwd: root }).filter(file => /\.\w+$/.test(file))

const run = (cwd: string, command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 })
  return { status, stdout, stderr }
}

/** The name of the package that an import names: `@scope/name/file` is of `@scope/name`. */
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
const imported = /^\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'".][^'"]*)['"]|(?:import|require)\(\s*['"]([^'".][^'"]*)['"]\s*\)/gm

t.test('the package', async t => {
  const stage = mkdtempSync(join(tmpdir(), 'causeway-package-'))
  t.teardown(() => rmSync(stage, { recursive: true }))
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'))
  for (const path of [...manifest.files.filter(file => file !== 'dist'), 'package.json'])
    cpSync(join(root, path), join(stage, path), { recursive: true })
  t.match(run(root, process.execPath, 'deploy/build.ts', join(stage, 'dist')), { status: 0, stdout: '', stderr: '' }, 'it is built')

  await t.test('has JavaScript of every source file, what lies beside them, and nothing else', async t => {
    const { status, stdout } = run(stage, 'npm', 'pack', '--dry-run', '--json', '--ignore-scripts')
    t.equal(status, 0)
    const packed = (JSON.parse(stdout) as { files: { path: string }[] }[])[0]!.files.map(({ path }) => path)
    const wanted = sources.filter(file => !file.endsWith('.d.ts')).map(file => `dist/${file.replace(/\.ts$/, '.js')}`)
    t.same(packed.filter(path => path.startsWith('dist/')).toSorted(), wanted.toSorted())
    t.same(
      packed.filter(path => /(?<!\.d)\.ts$/.test(path)),
      [],
      'Node strips no types under node_modules',
    )
    t.ok(['package.json', 'LICENSE', 'README.md', 'cli/probe.mjs', 'examples/agent.yaml'].every(file => packed.includes(file)))
  })

  await t.test('imports only what it depends on', async t => {
    const files = globSync('dist/**/*.{js,mjs}', { cwd: stage })
    const names = files.flatMap(file =>
      [...readFileSync(join(stage, file), 'utf8').matchAll(imported)].map(([, from, lazily]) => packageOf((from ?? lazily)!)),
    )
    const foreign = [...new Set(names)].filter(name => !name.startsWith('node:') && !builtinModules.includes(name))
    t.ok(foreign.length > 5, 'imports are found')
    t.same(
      foreign.filter(name => !(name in manifest.dependencies)),
      [],
    )
  })

  await t.test('runs from its command file, and from the build alone', async t => {
    for (const file of ['cli/probe.mjs', 'dist/cli/probe.mjs'])
      t.match(JSON.parse(run(stage, process.execPath, file, 'version', '--output', 'json').stdout), {
        schema: 'causeway.version/1',
        version: /^\d/,
      })
    const { stdout } = run(stage, process.execPath, 'cli/probe.mjs', 'run', 'tcp://127.0.0.1:1', '--output', 'json')
    t.match(JSON.parse(stdout), { results: [{ outcome: { kind: 'fail', reason: 'tcp_refused' } }] })
    t.match(run(stage, process.execPath, 'cli/probe.mjs', 'agent', '--config', 'none.yaml'), {
      status: 2,
      stderr: /none\.yaml: no such file/,
    })
  })
})
