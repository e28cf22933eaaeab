/** A PostgreSQL of the test's own: in a temporary directory, on a Unix socket, as a user without rights. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { Secret } from '../../../wire/secret.ts'

const run = promisify(execFile)
/** Debian's are not in PATH. The newest. */
const binaries = globSync('/usr/lib/postgresql/*/bin/initdb')
  .map(path => path.replace(/\/initdb$/, ''))
  .sort((a, b) => Number.parseInt(a.split('/')[4]!, 10) - Number.parseInt(b.split('/')[4]!, 10))
  .at(-1)

/** For tap's `skip`. */
export const needsPostgres: false | string = binaries ? false : 'needs a PostgreSQL server: sudo apt-get install postgresql'

/** PostgreSQL refuses to run as root. 65534 is nobody. */
const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

export type Cluster = {
  /** An empty database of its own. */
  database(): Promise<{ url: Secret; name: string }>
  /** Statements by the superuser, outside of the store. */
  query(text: string, database?: string): Promise<Record<string, unknown>[]>
  /** Ends it without asking the clients (SIGQUIT), as a crash would. */
  crash(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

export const startCluster = async (): Promise<Cluster> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-pg-'))
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid)
  const data = join(directory, 'data')
  await run(join(binaries!, 'initdb'), ['-D', data, '-U', 'causeway', '-A', 'trust', '-N', '-E', 'UTF8', '--no-locale'], {
    ...user,
    cwd: directory,
  })
  const at = (name: string) => ({ host: directory, user: 'causeway', database: name })
  let server: ChildProcess | undefined
  let databases = 0
  const query = async (text: string, database = 'postgres'): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client(at(database))
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = server && server.exitCode === null ? once(server, 'exit') : undefined
    server?.kill(signal)
    await ended
    server = undefined
  }
  const cluster: Cluster = {
    database: async () => {
      const name = `test_${++databases}`
      await query(`CREATE DATABASE ${name}`)
      return { url: new Secret(`postgres://causeway@/${name}?host=${encodeURIComponent(directory)}`), name }
    },
    query,
    crash: () => stop('SIGQUIT'),
    start: async () => {
      const options = ['-D', data, '-k', directory, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=40']
      server = spawn(join(binaries!, 'postgres'), options, { ...user, cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
      await saysReady(server)
    },
    remove: async () => {
      await stop('SIGINT')
      rmSync(directory, { recursive: true, force: true })
    },
  }
  await cluster.start()
  return cluster
}

const saysReady = (server: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ''
    server.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
      if (said.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`postgres ended: ${said}`)))
  })
