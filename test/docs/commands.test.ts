/** What pages have people type: each command and each option of it is one that there is. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { main } from '../../cli/main.ts'
import { worldOf } from '../cli/canned.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]

type Typed = { page: string; line: number; command: string }

/** Between backticks, or a line of a block; what follows a pipe or a comment is another matter. */
const typedIn = (page: string): Typed[] => {
  let inBlock = false
  return readFileSync(`${root}/${page}`, 'utf8')
    .split('\n')
    .flatMap((text, index) => {
      if (/^\s*```/.test(text)) inBlock = !inBlock
      const found = inBlock
        ? [/^\s*(?:\d+\. )?(?:\$ )?(?:[A-Z_]+=\S+ )*(probe [a-z-].*)$/.exec(text)?.[1]]
        : [...text.matchAll(/`(?:[A-Z_]+=\S+ )*(probe [a-z-][^`]*)`/g)].map(([, command]) => command)
      return found.flatMap(command =>
        command === undefined ? [] : [{ page, line: index + 1, command: command.replace(/\s+(#|\||&&|>).*$/, '').trim() }],
      )
    })
}

/** As a shell has them; `<what you put there>` is one word, and brackets around what can be left out are not typed. */
const wordsOf = (command: string): string[] =>
  [...command.replace(/\[(options|what|filters)\]/g, '').matchAll(/'([^']*)'|"([^"]*)"|([^\s'"<]*<[^>]*>\S*)|(\S+)/g)]
    .map(([, single, double, placed, plain]) => single ?? double ?? placed ?? plain!)
    .map(word => (word.startsWith('[') || word.endsWith(']') ? word.replace(/^\[|\]$/g, '') : word))
    .filter(word => word !== '…')
    .slice(1)

/** They say what is wrong with their words before they ask anybody. */
const asking = ['alerts', 'apply', 'check', 'get', 'rules', 'incident', 'silence', 'maintenance', 'change', 'baseline', 'join-token']
const wrongWords = /unknown (option|command|thing)|did you mean|does not belong|have no such column|want (add|accept|export|test|ack)\b/

/** Of a command with options, which is there to be typed; without any it is a name. */
const missing = /--[a-z-]+: missing/

const helpOf = new Map<string, string>()
const help = async (name: string): Promise<string> => {
  const known = helpOf.get(name)
  if (known !== undefined) return known
  const world = worldOf({ LANG: 'C.UTF-8' })
  await main([name, '--help'], { ...world, now: () => new Date(0) })
  helpOf.set(name, world.out())
  return world.out()
}

const problemsOf = async (command: string): Promise<string[]> => {
  const [name = '', ...words] = wordsOf(command)
  if (asking.includes(name)) {
    const world = worldOf({ LANG: 'C.UTF-8', HOME: '/nonexistent' })
    const isWhole = words.some(word => word.startsWith('--'))
    await main([name, ...words], { ...world, now: () => new Date(0) })
    return world
      .err()
      .split('\n')
      .filter(line => (wrongWords.test(line) || (isWhole && missing.test(line))) && !line.includes('"<thing>"'))
  }
  const text = await help(name)
  const options = words.flatMap(word => /^--([a-z][a-z0-9-]*)/.exec(word)?.[1] ?? [])
  return [
    ...(text.includes(`probe ${name}`) ? [] : [`there is no probe ${name}`]),
    ...options.filter(one => !new RegExp(`--${one}\\b`).test(text) && one !== 'help').map(one => `probe ${name} has no --${one}`),
  ]
}

t.test('every command on a page is one that there is, with options that it has', async t => {
  const typed = pages.flatMap(typedIn)
  t.ok(typed.length > 100, `${typed.length} are there`)
  for (const { page, line, command } of typed) t.strictSame(await problemsOf(command), [], `${page}:${line}: ${command}`)
})

t.test('a command that there is not, and an option that it has not, are found', async t => {
  for (const wrong of [
    'probe fix everything',
    'probe get pahts',
    'probe get history --link x',
    'probe silence make --place <place>',
    'probe run <target> --kindz tcp',
    'probe incident <id> close',
  ])
    t.equal((await problemsOf(wrong)).length, 1, wrong)
})
