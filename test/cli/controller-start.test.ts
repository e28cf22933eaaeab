/** The real `probe controller` that can't begin: ends with 2, and one line says why. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { openStore } from '../../controller/store/open.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { probe } from '../lab/probe-in.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-start-'))
chmodSync(directory, 0o755)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

type Options = { uid?: number; listen?: string; env?: NodeJS.ProcessEnv }
/** Resolves with what it wrote to stderr. */
const startInVain = async (t: Test, words: string[], { uid, listen = '127.0.0.1:0', env = {} }: Options = {}): Promise<string> => {
  const argv = [probe, 'controller', '--listen', listen, ...words]
  // The test runner observes its children in files that another user may not write.
  const asUser = uid === undefined ? [] : ['-u', 'NODE_OPTIONS', 'setpriv', `--reuid=${uid}`, '--clear-groups']
  const child = spawn('env', [...asUser, process.execPath, ...argv], { env: { ...cleanEnv, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let [said, out] = ['', '']
  child.stderr.on('data', text => (said += String(text)))
  child.stdout.on('data', text => (out += String(text)))
  const [code] = (await once(child, 'close')) as [number | null]
  t.equal(code, 2, said)
  t.equal(out, '')
  const lines = said.trimEnd().split('\n')
  t.equal(lines.filter(line => line.startsWith('probe controller: ')).length, 1, said)
  t.notMatch(said, /\n +at /, 'no stack')
  return lines.at(-1)!
}

const storeAt = async (name: string): Promise<string> => {
  const data = join(directory, name)
  await (await openStore({ directory: data })).close()
  return data
}

t.test('a store of a newer controller', async t => {
  const data = await storeAt('newer')
  const database = new DatabaseSync(join(data, 'controller.db'))
  database.exec('UPDATE schema_version SET version = 9999')
  database.close()
  t.match(await startInVain(t, ['--data', data]), /controller\.db has version 9999.*start the newer controller again/)
})

t.test('a file that is no store, or is damaged', async t => {
  const data = join(directory, 'corrupt')
  mkdirSync(data)
  writeFileSync(join(data, 'controller.db'), 'this is no database. '.repeat(1000))
  t.match(await startInVain(t, ['--data', data]), /controller\.db is damaged.*put the last backup in their place/)
})

t.test('a directory that may not be written, and one that can’t be there', async t => {
  const data = join(directory, 'locked')
  mkdirSync(data, { mode: 0o555 })
  const uid = process.getuid!() === 0 ? 65_534 : undefined
  t.match(
    await startInVain(t, ['--data', data], uid === undefined ? {} : { uid }),
    /controller\.db.* cannot be written: permission denied.*--data/,
  )
  writeFileSync(join(directory, 'file'), '')
  t.match(await startInVain(t, ['--data', join(directory, 'file', 'data')]), /cannot be written: not a directory.*--data/)
})

t.test('a store that another controller has', async t => {
  const data = join(directory, 'taken')
  const store = await openStore({ directory: data })
  t.teardown(() => store.close())
  t.match(await startInVain(t, ['--data', data]), /is in use by another controller \(pid \d+ on .*\): one file takes one controller/)
})

t.test('a port that is taken', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const line = await startInVain(t, ['--data', join(directory, 'port')], { listen: `127.0.0.1:${port}` })
  t.match(line, new RegExp(`127\\.0\\.0\\.1:${port} is taken by another process`))
})

t.test('a PostgreSQL that does not answer, whose password is said nowhere', async t => {
  const env = { CAUSEWAY_STORE: 'postgres://causeway:hunter2-secret@127.0.0.1:1/causeway' }
  const line = await startInVain(t, ['--data', join(directory, 'pg')], { env })
  t.match(line, /postgres:\/\/127\.0\.0\.1:1\/causeway/)
  t.match(line, /ECONNREFUSED|refused/)
  t.notMatch(line, /hunter2/)
})
