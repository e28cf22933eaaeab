/**
 * Makes what the published package and the image run: JavaScript of every room, by tsc, and beside it the files that are none. Node strips no
 * types under node_modules, and stripping costs time and memory at every start.
 *   node deploy/build.ts [directory]      dist/ unless told
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const into = resolve(root, process.argv[2] ?? 'dist')
/** What is in the rooms and no TypeScript: the command's first file, and definitions that people may want to read. */
const others = '{wire,judge,probes,agent,controller,cli,deploy/sim}/**/*.{mjs,proto}'

rmSync(into, { recursive: true, force: true })
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib/tsc.js')
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', into], { cwd: root, stdio: 'inherit' })
if (status === 0) for (const file of globSync(others, { cwd: root })) cpSync(join(root, file), join(into, file))
process.exitCode = status ?? 1
