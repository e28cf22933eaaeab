/** What docs/controller.md says, held against the program. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { main } from '../../cli/main.ts'
import { parseFleet } from '../../controller/fleet/parse.ts'
import { worldOf } from '../cli/canned.ts'

const page = readFileSync(new URL('../../docs/controller.md', import.meta.url), 'utf8')
const [, fleet = ''] = /```yaml\n(# fleet\.yaml\n.*?)```/s.exec(page) ?? []

t.test('its fleet file is one that is taken, without a warning', async t => {
  t.match(parseFleet(fleet), { ok: true, warnings: [] })
})

t.test('a mistake in it is told as the page says', async t => {
  const parsed = parseFleet(fleet.replace('targets: [payments]', 'targets: [paymets]'))
  if (parsed.ok) return t.fail('it was taken')
  const [told] = parsed.problems.map(({ line, path, message }) => `fleet.yaml:${line}: ${path}: ${message}`)
  t.ok(page.includes(`\n${told}\n`), `${told}`)
})

t.test('its commands have the options that it names', async t => {
  const lines = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.split('\n'))
  const commands = lines
    .flatMap(line => line.split('|'))
    .flatMap(line => /^\s*probe ((?!controller).*?)(?:\s+#.*| > .*)?$/.exec(line)?.[1]?.trim() ?? [])
  t.ok(commands.length > 10)
  for (const command of commands) {
    // Asks nobody: without a controller all that is wrong with the words is told, and that there is none.
    const world = worldOf({ HOME: '/nonexistent' })
    const code = await main(
      command.split(' ').filter(word => !/^https?:/.test(word) && word !== '--controller' && word !== '--ca' && word !== 'authority.pem'),
      world,
    )
    const told = world.err().trim().split('\n')
    if (command === 'get schema') t.equal(code, 0)
    else t.match(told, [/: no controller: /], `${command}: ${told}`)
  }
})

t.test('its links lead somewhere', async t => {
  for (const [, path = ''] of page.matchAll(/\]\(([^)#]+)\)/g))
    t.ok(readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8'), path)
})
