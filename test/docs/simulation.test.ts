/** The page about the simulation says what there is. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { agents, services } from '../../deploy/sim/clouds/clouds.ts'
import { faults } from '../../deploy/sim/clouds/faults.ts'

const page = readFileSync(new URL('../../docs/simulation.md', import.meta.url), 'utf8')

t.test('every fault is on it, in the words of the program, and no other', async t => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (.*) \| (.*) \|$/gm)].map(([, ...cells]) => cells)
  t.strictSame(
    rows,
    faults.map(({ name, story, expect }) => [name, story, expect]),
  )
})

t.test('so is everything that can be probed', async t => {
  for (const { id } of agents) t.match(page, new RegExp(`\\b${id}\\b`))
  for (const { name } of services) t.match(page, new RegExp(`\\b${name}\\b`))
})
