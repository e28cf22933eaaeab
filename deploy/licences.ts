/** The licence list of an image: `node deploy/licences.ts node_modules` prints each package with its licence and the text that it ships. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

type Package = { name?: string; version?: string; license?: string | { type?: string }; licenses?: { type?: string }[] }

const root = process.argv[2] ?? 'node_modules'
const texts = /^(licen[cs]e|copying|notice)/i

/** Nested folders have package.json files too; a package is what stands directly below node_modules. */
const folders = [...globSync(`${root}/**/node_modules/*/package.json`), ...globSync(`${root}/**/node_modules/@*/*/package.json`)]
const own = [...globSync(`${root}/*/package.json`), ...globSync(`${root}/@*/*/package.json`)]

const licenceOf = ({ license, licenses }: Package): string =>
  (typeof license === 'string' ? license : license?.type) ?? licenses?.map(({ type }) => type).join(' or ') ?? 'not stated'

const entries = [...new Set([...own, ...folders])].flatMap(path => {
  const about = JSON.parse(readFileSync(path, 'utf8')) as Package
  if (!about.name || !about.version) return []
  const folder = dirname(path)
  const shipped = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isFile() && texts.test(entry.name))
  const text = shipped.map(({ name }) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n')
  return [{ title: `${about.name} ${about.version}: ${licenceOf(about)}`, text }]
})

for (const { title, text } of entries.sort((a, b) => (a.title < b.title ? -1 : 1)))
  process.stdout.write(`${title}\n${'='.repeat(title.length)}\n${text || '(no licence text in the package)'}\n\n`)
