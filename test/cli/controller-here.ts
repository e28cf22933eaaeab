/** A controller's API on a port of this machine, with a store of its own, and commands that ask it as a shell would. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import type { In, Io } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import type { Parts } from '../../controller/web/parts.ts'
import { type Api, openApi } from '../controller/web/api.ts'
import { worldOf } from './canned.ts'

export type Said = { code: number; out: string; err: string }
export type Here = Api & {
  url: string
  /** A directory of this test's own; also the home of who runs the commands. */
  folder: string
  /** As an admin, unless the variables say something else. */
  probe(args: string[], more?: { env?: Io['env']; stdin?: In; terminal?: { isTTY?: boolean; columns?: number } }): Promise<Said>
  /** One that goes on until it is told to stop. */
  watch(args: string[]): Watched
}
export type Watched = {
  /** Resolves when what it has said so far fits. */
  until(fits: (said: Pick<Said, 'out' | 'err'>) => boolean): Promise<void>
  stop(): Promise<number>
}

export const controllerHere = async (t: Test, parts: Partial<Parts> = {}, tls?: TlsOptions): Promise<Here> => {
  const api = await openApi(t, parts, tls)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as AddressInfo
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
  const folder = mkdtempSync(join(tmpdir(), 'causeway-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const token = await api.person('admin')
  const base = { LANG: 'C.UTF-8', HOME: folder, CAUSEWAY_CONTROLLER: url, CAUSEWAY_TOKEN: token }
  return {
    ...api,
    url,
    folder,
    watch: args => watchedCommand(args, { ...base }),
    probe: async (args, { env = {}, stdin, terminal } = {}) => {
      const world = worldOf({ ...base, ...env }, terminal)
      const io: Io = { ...world, now: () => new Date(api.clock.ms), ...(stdin && { stdin }) }
      const code = await main(args, io)
      return { code, out: world.out(), err: world.err() }
    },
  }
}

const watchedCommand = (args: string[], env: Io['env']): Watched => {
  let heard = (): void => {}
  const world = worldOf(env, {}, () => heard())
  const stderr = {
    write: (text: string) => {
      world.stderr.write(text)
      heard()
    },
  }
  const ended = main(args, { ...world, stderr })
  return {
    until: async fits => {
      const { promise, resolve } = Promise.withResolvers<void>()
      heard = () => {
        if (fits({ out: world.out(), err: world.err() })) resolve()
      }
      heard()
      await Promise.race([promise, ended.then(code => Promise.reject(new Error(`it ended with ${code}: ${world.err()}`)))])
    },
    stop: async () => {
      world.send('SIGINT')
      return await ended
    },
  }
}

export const piped = (text: string): In => Readable.from([Buffer.from(text)])

/** A person at a keyboard, who types this. `raw`: whether the keys were shown. */
export const typed = (text: string): In & { raw: boolean[] } => {
  const raw: boolean[] = []
  return Object.assign(Readable.from([Buffer.from(text)]), { isTTY: true, raw, setRawMode: (on: boolean) => raw.push(on) })
}
