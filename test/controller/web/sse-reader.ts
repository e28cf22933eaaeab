/** Reads server-sent events off a real socket. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

export type ReadEvent = { id?: string; event?: string; data: string }
export type SseReader = {
  status: number
  headers: Headers
  /** The next event; undefined: the stream has ended. */
  next(): Promise<ReadEvent | undefined>
  /** The next comment after this was called; rejects when the stream ends before. */
  nextComment(): Promise<void>
  close(): void
}

export const listen = async (app: FastifyInstance): Promise<string> => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

export const readSse = async (t: Test, url: string, bearer: string, headers: Record<string, string> = {}): Promise<SseReader> => {
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const response = await fetch(url, { headers: { ...headers, authorization: `Bearer ${bearer}` }, signal: stop.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const events: ReadEvent[] = []
  let [text, comments, hasEnded] = ['', 0, false]
  const take = (block: string): void => {
    const lines = block.split('\n').filter(line => line !== '')
    comments += lines.filter(line => line.startsWith(':')).length
    const fields = Object.fromEntries(lines.filter(line => !line.startsWith(':')).map(line => line.split(/: (.*)/s).slice(0, 2)))
    if (fields['data'] !== undefined) events.push(fields as ReadEvent)
  }
  const read = async (): Promise<void> => {
    const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }))
    hasEnded = done
    const blocks = (text + (value ?? '')).split('\n\n')
    text = blocks.pop()!
    for (const block of blocks) take(block)
  }
  return {
    status: response.status,
    headers: response.headers,
    next: async () => {
      while (events.length === 0 && !hasEnded) await read()
      return events.shift()
    },
    nextComment: async () => {
      for (const before = comments; comments === before; await read()) if (hasEnded) throw new Error('the stream has ended')
    },
    close: () => stop.abort(),
  }
}
