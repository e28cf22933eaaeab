/**
 * Makes docs/recording.svg of a real run: a simulation, a fault, the incident. `node docs/record.ts` takes a minute or two on a machine with nothing else to do, and needs
 * what `probe sim` needs. Waiting is shortened, and lines that are left out are shown as `…`; nothing else is changed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { type Shown, terminalSvg } from './terminal-svg.ts'

const probe = fileURLToPath(new URL('../cli/probe.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'recording-'))
const env = { ...process.env, CAUSEWAY_SIM: folder, HOME: folder, XDG_CONFIG_HOME: folder, TERM: 'xterm-256color', LANG: 'C.UTF-8' }

/** In a terminal of its own (script(1)), so that it looks as it does there. */
const start = (words: readonly string[]) => {
  const command = [process.execPath, probe, ...words].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', `stty cols 100 rows 60; exec ${command}`, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', data => (text += String(data)))
  return { child, text: () => text.replaceAll('\r', '') }
}
const run = async (...words: string[]): Promise<string> => {
  const { child, text } = start(words)
  await once(child, 'close')
  return text()
}

const shown: Shown[] = []
let atMs = 0
const type = (command: string): void => {
  if (shown.length > 0) shown.push({ text: '', atMs })
  shown.push({ text: `\u001b[32m$\u001b[0m \u001b[1m${command}\u001b[0m`, atMs })
  atMs += 900
}
/** As a terminal breaks what is too long for it. */
const broken = (line: string): string[] => (line.includes('\u001b') ? [line] : (line.match(/.{1,100}/gu) ?? ['']))
const show = (lines: readonly string[], eachMs: number): void => {
  for (const text of lines.flatMap(broken)) shown.push({ text, atMs: (atMs += eachMs) })
  atMs += 900
}
/** Those that say what happens; runs of others become one `…`. */
const pick = (text: string, wanted: RegExp): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map(line => (wanted.test(stripVTControlCharacters(line)) ? line : '\u001b[2m…\u001b[0m'))
    .filter((line, at, all) => !line.includes('…') || line !== all[at - 1])

const simulation = start(['sim'])
try {
  while (!simulation.text().includes('Ctrl-C ends everything')) {
    if (simulation.child.exitCode !== null) throw new Error(simulation.text())
    await sleep(500)
  }
  // What is usual has to be known before something is not.
  await sleep(30_000)
  type('npm start')
  show(pick(simulation.text(), /^ *[\d.]+ s {2}|^ .*↔/), 350)
  type('npx probe sim fault mtu-black-hole')
  show((await run('sim', 'fault', 'mtu-black-hole')).trimEnd().split('\n').slice(0, 1), 0)
  while (!(await run('get', 'incidents')).includes('path_mtu_black_hole')) await sleep(2000)
  type('npx probe get incidents')
  const list = await run('get', 'incidents')
  show(list.trimEnd().split('\n'), 60)
  const id = /^\s*(\S+).*path_mtu_black_hole/m.exec(stripVTControlCharacters(list))![1]!
  type(`npx probe incident ${id}`)
  const whole = await run('incident', id)
  // One fix of several is enough to see what they are like.
  const untilFix = whole.slice(0, whole.indexOf('\n', whole.indexOf('nft add rule')))
  show([...pick(untilFix, /^\S|^ {2}(where|since|impact|cause|evidence|next|fix) |^$|MTU \S+ → |nft add rule/), '\u001b[2m…\u001b[0m'], 60)
  writeFileSync(
    new URL('recording.svg', import.meta.url),
    terminalSvg(shown, 'A path MTU black hole between two clouds: broken, found, explained'),
  )
} finally {
  simulation.child.stdin.write('\u0003')
  await once(simulation.child, 'close')
  rmSync(folder, { recursive: true, force: true })
}
