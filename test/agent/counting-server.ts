import { createServer } from 'node:net'
import type { Test } from 'tap'

/** A server that hangs up on everybody, and counts them. */
export const countingServer = async (
  t: Test,
): Promise<{
  port: number
  connections: () => number
  /** Resolves after so many more. */
  reaches: (n: number) => Promise<void>
}> => {
  let connections = 0
  const waiting = new Set<() => void>()
  const server = createServer(socket => {
    connections++
    socket.on('error', () => {}).end()
    for (const one of waiting) one()
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  const reaches = (n: number): Promise<void> =>
    new Promise(resolve => {
      const wanted = connections + n
      const one = (): void => {
        if (connections < wanted) return
        waiting.delete(one)
        resolve()
      }
      waiting.add(one)
      one()
    })
  return { port: (server.address() as { port: number }).port, connections: () => connections, reaches }
}
