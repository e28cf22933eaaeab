/** The controller, as the commands ask it: where it is, with which token, and what went wrong in words that say what to do. */
import { Agent, type Dispatcher, request } from 'undici'
import { isLoopback } from '../judge/special-addresses.ts'
import { silenceMs } from '../wire/api/assignments.ts'
import type { ProblemDocument } from '../wire/api/problem-document.ts'
import type { Problem } from '../wire/problem.ts'
import { isObject } from '../wire/read.ts'
import { Secret } from '../wire/secret.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import { flagOfWords, type Words } from './command-words.ts'
import { connectTrouble } from './connect-trouble.ts'
import { readEventStream, type ServerEvent } from './event-stream.ts'
import type { Io } from './io.ts'
import { readLogin } from './login-file.ts'
import { readSimulatedLogin } from './sim/state.ts'
import { readSmallFile } from './small-file.ts'

/** `exitCode`: 1 it failed, 2 what was asked is wrong, 3 the controller could not be asked. */
export type Trouble = { ok: false; exitCode: 1 | 2 | 3; status?: number; message: string; problems: readonly Problem[] }
export type Answer<T> = { ok: true; value: T } | Trouble

export type Asking = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** A text is sent as it is, with its type; anything else as JSON. */
  body?: unknown
  type?: string
}
export type Client = {
  /** Where it is, for messages. */
  controller: string
  ask<T>(path: string, asking?: Asking, stop?: AbortSignal): Promise<Answer<T>>
  /** A stream of events, each as it comes, until it ends or is stopped. */
  follow(path: string, asking: Asking, take: (event: ServerEvent) => void, stop: AbortSignal): Promise<Answer<undefined>>
  close(): Promise<void>
}
/** `token` absent: for what needs none. */
export type Access = { controller: string; token?: Secret; ca?: string }

/**
 * Flags win over variables, variables over what `probe login` has kept, that over a simulation that runs here. A kept token goes to the controller that it
 * was kept for, and to no other.
 */
export const readAccess = (words: Words, env: Io['env']): Parsed<Access> => {
  const kept = readLogin(env)
  const given = flagOfWords(words, 'controller') ?? (env['CAUSEWAY_CONTROLLER'] || undefined)
  const login = kept.ok ? kept.value : undefined
  const simulated = readSimulatedLogin(env)
  const text = given ?? login?.controller ?? simulated?.controller
  if (text === undefined)
    return bad(
      ...(kept.ok ? [] : kept.problems),
      'no controller: --controller <url>, CAUSEWAY_CONTROLLER, probe login once, or probe sim for one to try',
    )
  const controller = parseController(text)
  const file = flagOfWords(words, 'ca') ?? (env['CAUSEWAY_CA'] || undefined)
  const ca = file === undefined ? good(undefined) : readSmallFile(file)
  const tokenFile = env['CAUSEWAY_TOKEN_FILE'] || undefined
  const fromFile = tokenFile === undefined ? good(undefined) : readSmallFile(tokenFile)
  const problems = [
    ...(controller.ok ? [] : controller.problems.map(problem => `--controller: ${problem}`)),
    ...(fromFile.ok ? [] : fromFile.problems.map(problem => `CAUSEWAY_TOKEN_FILE: ${quote(tokenFile!)}: ${problem}`)),
    ...(ca.ok ? [] : ca.problems.map(problem => `--ca: ${quote(file!)}: ${problem}`)),
  ]
  if (!controller.ok || !ca.ok || !fromFile.ok) return bad(...problems)
  const own = [login, simulated].find(one => one?.controller === controller.value)
  const said = env['CAUSEWAY_TOKEN'] || fromFile.value?.toString('utf8')
  const token = said ? new Secret(said.trim()) : own?.token
  const pem = ca.value?.toString('utf8') ?? own?.ca
  return good({ controller: controller.value, ...(token && { token }), ...(pem !== undefined && { ca: pem }) })
}

/** Without a path: `https://controller.example:7443`. A token never crosses a network in plain text. */
export const parseController = (text: string): Parsed<string> => {
  const url = URL.parse(/^\w+:\/\//.test(text) ? text : `https://${text}`)
  if (!url || !/^https?:$/.test(url.protocol)) return bad(`${quote(text)} is not an address like https://controller.example:7443`)
  if (url.username || url.password) return bad('a name and a password in the address: want a token, see probe login')
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return bad(`${quote(text)}: plain HTTP is for this machine only, want https://`)
  return good(url.origin)
}

const connectMs = 10_000
/** A plan of ten thousand agents takes seconds, and one may wait for another. */
const answerMs = 120_000

export const openClient = ({ controller, token, ca }: Access): Client => {
  const dispatcher = new Agent({
    connect: { timeout: connectMs, ...(ca !== undefined && { ca }) },
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
  })
  return {
    controller,
    ask: async <T>(path: string, asking: Asking = {}, stop?: AbortSignal): Promise<Answer<T>> => {
      try {
        const { statusCode, headers, body } = await request(addressOf(controller, path, asking.query), {
          method: asking.method ?? 'GET',
          dispatcher,
          ...(stop && { signal: stop }),
          ...bodyOf(asking, token),
        })
        return answerOf<T>(statusCode, headers, await body.text(), controller, token !== undefined)
      } catch (error) {
        return { ok: false, exitCode: 3, message: connectTrouble(error as Error, controller, ca !== undefined), problems: [] }
      }
    },
    follow: async (path, asking, take, stop) => {
      try {
        const { headers, ...options } = bodyOf(asking, token, 'text/event-stream')
        const { statusCode, body, ...answer } = await request(addressOf(controller, path, asking.query), {
          dispatcher,
          signal: stop,
          bodyTimeout: silenceMs,
          headers,
          ...options,
        })
        if (statusCode !== 200) return answerOf<undefined>(statusCode, answer.headers, await body.text(), controller, token !== undefined)
        const read = readEventStream()
        for await (const chunk of body.setEncoding('utf8')) for (const event of read(String(chunk))) take(event)
        return { ok: true, value: undefined }
      } catch (error) {
        return { ok: false, exitCode: 3, message: connectTrouble(error as Error, controller, ca !== undefined), problems: [] }
      }
    },
    close: () => dispatcher.close(),
  }
}

const addressOf = (controller: string, path: string, query: Asking['query'] = {}): string => {
  const entries = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]))
  return `${controller}${path}${entries.length ? `?${new URLSearchParams(entries)}` : ''}`
}

const bodyOf = (
  { body, type }: Asking,
  token: Secret | undefined,
  accept = 'application/json',
): Pick<Dispatcher.RequestOptions, 'body' | 'headers'> => ({
  headers: {
    accept,
    ...(token && { authorization: `Bearer ${token.reveal()}` }),
    ...(body !== undefined && { 'content-type': type ?? 'application/json' }),
  },
  ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
})

const answerOf = <T>(
  status: number,
  headers: { 'content-type'?: string | string[] },
  text: string,
  controller: string,
  hasToken: boolean,
): Answer<T> => {
  const value = parseJson(text)
  if (status < 300 && value !== undefined) return { ok: true, value: value as T }
  if (status < 300)
    return {
      ok: false,
      exitCode: 3,
      status,
      message: `${controller} answers ${headers['content-type'] ?? 'nothing'}: not a controller?`,
      problems: [],
    }
  const document = isObject(value) && typeof value['detail'] === 'string' ? (value as ProblemDocument) : undefined
  const detail = document?.detail ?? `HTTP ${status}`
  const exitCode = status === 409 ? 1 : status >= 500 || status === 429 ? 3 : 2
  return { ok: false, exitCode, status, message: `${controller}: ${detail}${hintOf(status, hasToken)}`, problems: document?.problems ?? [] }
}

const hintOf = (status: number, hasToken: boolean): string => {
  if (status === 401 && !hasToken) return '; probe login, or CAUSEWAY_TOKEN'
  if (status === 401) return '; probe login with another token'
  return status === 403 ? '; ask an admin for that role' : ''
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
