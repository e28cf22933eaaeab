/** A service that remembers the trace of which each request said that it was part. */
import { createServer } from 'node:http'
import type { Test } from 'tap'
import { listen } from '../servers/listening.ts'

export type TracedServer = { port: number; traceparents: string[] }

export const startTracedServer = async (t: Test, status = 200): Promise<TracedServer> => {
  const traceparents: string[] = []
  const { port, close } = await listen(
    createServer((request, response) => {
      traceparents.push(String(request.headers['traceparent']))
      response.writeHead(status).end('well\n')
    }),
  )
  t.teardown(close)
  return { port, traceparents }
}
