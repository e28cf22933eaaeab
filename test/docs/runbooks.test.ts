import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { causes } from '../../wire/causes.ts'

const folder = resolve(import.meta.dirname, '../../docs/runbooks')
/** Beside causes: what an incident may be about of which no cause is known. */
const beside = [
  'agent_lost',
  'baseline',
  'blind',
  'burn_rate',
  'controller_isolated',
  'expiry',
  'identity_plane_down',
  'not_localised',
  'own_rule',
]
const pages = readdirSync(folder).filter(name => name.endsWith('.md') && name !== 'README.md')
const read = (name: string): string => readFileSync(resolve(folder, name), 'utf8')

t.test('every cause has a runbook, and there is none besides', async t => {
  const wanted = [...causes, ...beside].map(name => `${name}.md`)
  t.same(new Set(pages), new Set(wanted))
})

t.test('each says what it means, how it is known, what to check, what to do, and when to sleep on', async t => {
  for (const page of pages) {
    const text = read(page)
    t.same(
      [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title),
      ['What it means', 'How Causeway knows', 'Check first', 'Fix', 'False alarm when'],
      page,
    )
    t.match(text, new RegExp(`^# .+\n\n\`${page.slice(0, -'.md'.length)}\`\n`), page)
    t.ok(text.length < 4000, `${page} can be read at three in the morning`)
    t.equal(text.split('`').length % 2, 1, `${page} closes its code`)
  }
})

t.test('links between runbooks lead somewhere, and all are in the list', async t => {
  for (const page of [...pages, 'README.md'])
    for (const [, target] of read(page).matchAll(/\]\(([^)#]+)\)/g)) t.ok(existsSync(resolve(folder, target!)), `${page}: ${target}`)
  for (const page of pages) t.ok(read('README.md').includes(`(${page})`), page)
})
