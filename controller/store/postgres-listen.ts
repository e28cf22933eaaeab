/** LISTEN on a connection of its own, which is made again for as long as somebody listens. What is sent meanwhile is lost: every new connection counts as a signal. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

export type Listening = { subscribe(listener: () => void): () => void; close(): Promise<void> }

export const listen = (config: pg.ClientConfig, channel: string, random: () => number): Listening => {
  const listeners = new Set<() => void>()
  const stop = new AbortController()
  const signal = (): void => {
    for (const listener of listeners) listener()
  }
  let running: Promise<void> | undefined
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await once(config, channel, signal, stop.signal).catch(() => {})
      // Half a second to a second and a half: replicas do not come back together.
      await sleep(500 + random() * 1000, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  return {
    subscribe: listener => {
      listeners.add(listener)
      running ??= run()
      return () => void listeners.delete(listener)
    },
    close: async () => {
      stop.abort()
      await running
    },
  }
}

/** Until the connection ends. A statement's timeout would be no use to a connection that waits: the server's keepalives find a dead one. */
const once = async (config: pg.ClientConfig, channel: string, signal: () => void, stop: AbortSignal): Promise<void> => {
  const client = new pg.Client(config)
  const ended = new Promise<void>(resolve => {
    client.on('end', resolve)
    client.on('error', () => resolve())
    stop.addEventListener('abort', () => resolve(), { once: true })
  })
  client.on('notification', signal)
  try {
    await client.connect()
    await client.query(`LISTEN ${channel}`)
    signal()
    await ended
  } finally {
    await client.end().catch(() => {})
  }
}
