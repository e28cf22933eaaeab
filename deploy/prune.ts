/** Takes what no program reads out of an image's packages: `node deploy/prune.ts node_modules`. Licences are in the list that was made before. */
import { existsSync, globSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = process.argv[2] ?? 'node_modules'

/** Types, sources of what is compiled, maps and pages for people. */
const files = '**/*.{d.ts,d.mts,d.cts,ts,mts,cts,tsx,map,md,markdown,flow,tsbuildinfo,c,cc,h,hh,cpp,gyp}'
const folders = '**/{test,tests,__tests__,example,examples,benchmark,benchmarks,.github,docs}'

const sizeOf = (path: string): number =>
  statSync(path).isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : statSync(path).size

const before = sizeOf(root)
for (const path of globSync(`${root}/${files}`)) rmSync(path, { force: true })
// Beside a package.json only: deeper down such names are code (yaml has a module that is called doc).
for (const path of globSync(`${root}/${folders}`)) if (existsSync(join(dirname(path), 'package.json'))) rmSync(path, { recursive: true })
process.stdout.write(`${root}: ${Math.round(before / 1e6)} MB, now ${Math.round(sizeOf(root) / 1e6)} MB\n`)
