/** What the owner and the WAN's process say to each other: JSON, one message a line. ASCII only, since names are. */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Counters, Link } from './link.ts'
import type { Site, SiteOptions } from './plan.ts'
import type { RouteChange, RouteOptions } from './route.ts'
import type { FailoverOptions, RoutesSeen } from './wan.ts'
import type { Failover } from './way.ts'

export type Setup = {
  sites: Record<string, SiteOptions>
  links: ({ from: string; to: string } & Partial<Link>)[]
  routes: RouteOptions[]
  seed: number
  userNamespace: boolean
  /** By site, its gateway's address in a network that is there already; without it networks are made. */
  bridges?: Record<string, string>
}

export type Order =
  | { do: 'link'; from: string; to: string; change: Partial<Link> }
  | { do: 'route'; from: string; to: string; name: string; change: RouteChange }
  | { do: 'use'; from: string; to: string; names: string[] }
  | { do: 'failover'; from: string; to: string; failover: FailoverOptions }
  | { do: 'counters' | 'routes' | 'failovers' }

export type Command = { id: number } & Order

export type Answer = {
  /** The command's; 0 for the set-up. */
  id: number
  error?: string
  ready?: { sites: (Site & { innerPid: number })[]; ipv6: boolean }
  counters?: Record<string, Record<string, Counters>>
  routes?: Record<string, Record<string, RoutesSeen>>
  failovers?: Failover[]
}

/** JSON forgets what is undefined; a setting that is to be unset must arrive, as null. */
export const encode = (message: Setup | Command): string =>
  `${JSON.stringify(message, (_key, value: unknown) => (value === undefined ? null : value))}\n`

export type Control = {
  /** Resolves when the network stands. */
  setUp: (setup: Setup) => Promise<{ ready: NonNullable<Answer['ready']> }>
  /** Resolves when the WAN has obeyed. */
  tell: (order: Order) => Promise<Answer>
}

/** The owner's end. Every call rejects when the process refuses, and when it ends before it has answered, with what it last printed. */
export function createControl(wan: ChildProcess): Control {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>()
  let lastId = 0
  let printed = ''
  let ended: Error | undefined
  const end = (error: Error) => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  wan.stderr?.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-2000)))
  wan.on('error', end)
  wan.on('close', status =>
    end(new Error(`simulated network: ended${status ? ` with status ${status}` : ''}${printed && `: ${printed.trim()}`}`)),
  )
  wan.stdin?.on('error', () => {})
  createInterface({ input: wan.stdout! }).on('line', line => {
    const answer = JSON.parse(line) as Answer
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) asked?.resolve(answer)
    else asked?.reject(new Error(`simulated network: ${answer.error}`))
  })
  const ask = (id: number, message: Setup | Command): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended)
      waiting.set(id, { resolve, reject })
      wan.stdin?.write(encode(message))
    })
  return {
    setUp: async setup => ({ ready: (await ask(0, setup)).ready! }),
    tell(order) {
      const id = ++lastId
      return ask(id, { id, ...order })
    },
  }
}
