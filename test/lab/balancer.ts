/** A TCP balancer on loopback: each connection goes to the next of those that are there. */
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { listen } from '../servers/listening.ts'

export type Balancer = {
  url: string
  port: number /** All that clients have sent to each of the ports. */
  sent: ReadonlyMap<number, number>
}
/** `onBytes`: what clients send, as it comes. */
export type BalancerOptions = { ports: readonly number[]; onBytes?: (bytes: Buffer) => void }

export const startBalancer = async (t: Test, { ports, onBytes }: BalancerOptions): Promise<Balancer> => {
  const sent = new Map(ports.map(port => [port, 0]))
  let turn = 0
  const server = createServer({ allowHalfOpen: true }, client => {
    client.on('error', () => {})
    const first = turn++
    pass(client, first, 0)
  })
  const pass = (client: Socket, first: number, tried: number): void => {
    const port = ports[(first + tried) % ports.length]!
    const backend = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    backend.once('error', () => {
      if (isThrough || tried + 1 === ports.length) client.destroy()
      else pass(client, first, tried + 1)
    })
    let isThrough = false
    backend.once('connect', () => {
      isThrough = true
      client.on('data', bytes => {
        sent.set(port, sent.get(port)! + bytes.length)
        onBytes?.(bytes)
      })
      client.pipe(backend).pipe(client)
      client.once('close', () => backend.destroy())
      backend.once('close', () => client.destroy())
    })
  }
  const listening = await listen(server)
  t.teardown(listening.close)
  return { url: `http://127.0.0.1:${listening.port}`, port: listening.port, sent }
}
