import { readFileSync } from 'node:fs'
import t from 'tap'
import { pages } from '../../docs/generate.ts'

t.test('the generated pages are current: npm run docs', async t => {
  for (const [path, text] of Object.entries(pages()))
    t.equal(readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8'), text, path)
})
