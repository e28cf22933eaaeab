/** What `probe login` keeps: the controller and the token for it, for its owner's eyes only. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { isObject } from '../wire/read.ts'
import { Secret } from '../wire/secret.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import type { Io } from './io.ts'

/** `ca`: PEM of the authority that the controller's certificate is from, where it is its own. */
export type Login = { controller: string; token: Secret; ca?: string }

/** `$XDG_CONFIG_HOME/causeway/login.json` (XDG Base Directory Specification: ~/.config). */
export const loginPath = (env: Io['env']): string =>
  join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'causeway', 'login.json')

/** Undefined: nobody has logged in here. */
export const readLogin = (env: Io['env']): Parsed<Login | undefined> => readLoginFile(loginPath(env))

export const readLoginFile = (path: string): Parsed<Login | undefined> => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? good(undefined) : bad(`${path}: cannot be read (${code})`)
  }
  try {
    const kept: unknown = JSON.parse(text)
    if (isObject(kept) && typeof kept['controller'] === 'string' && typeof kept['token'] === 'string')
      return good({
        controller: kept['controller'],
        token: new Secret(kept['token']),
        ...(typeof kept['ca'] === 'string' && { ca: kept['ca'] }),
      })
  } catch {}
  return bad(`${path}: not what probe login writes, log in again`)
}

/** Whole or not at all, and never readable by others, not even while it is written. */
export const writeLogin = (env: Io['env'], login: Login): string => writeLoginFile(loginPath(env), login)

export const writeLoginFile = (path: string, { controller, token, ca }: Login): string => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  try {
    writeFileSync(draft, `${JSON.stringify({ controller, token: token.reveal(), ...(ca !== undefined && { ca }) })}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
    chmodSync(draft, 0o600)
    renameSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
  return path
}

/** False: nobody was logged in. */
export const dropLogin = (env: Io['env']): boolean => {
  const before = readLogin(env)
  rmSync(loginPath(env), { force: true })
  return !before.ok || before.value !== undefined
}
