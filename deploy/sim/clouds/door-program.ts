/**
 * A door: `node door-program.ts <from> <to>…` passes connections on. Each is `host:port` or the path of a Unix socket; a socket in the file system can be
 * reached from another network namespace. Prints a line when it listens.
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type ListenOptions, type Socket } from 'node:net'

const placeOf = (text: string): { host: string; port: number } | { path: string } => {
  const [, host, port] = /^\[?([^/]+?)\]?:(\d+)$/.exec(text) ?? []
  return host === undefined ? { path: text } : { host, port: Number(port) }
}

/** Both directions until both have ended; what goes wrong on one side ends the other. */
const join = (a: Socket, b: Socket): void => {
  a.pipe(b).pipe(a)
  a.on('error', () => b.destroy()).on('close', () => b.destroy())
  b.on('error', () => a.destroy()).on('close', () => a.destroy())
}

const words = process.argv.slice(2)
for (let at = 0; at + 1 < words.length; at += 2) {
  const from: ListenOptions = placeOf(words[at]!)
  const to = placeOf(words[at + 1]!)
  if (from.path !== undefined) rmSync(from.path, { force: true })
  const server = createServer({ allowHalfOpen: true }, client => join(client, connect({ ...to, allowHalfOpen: true })))
  server.listen(from)
  await once(server, 'listening')
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
process.stdout.write(`${JSON.stringify({ listening: words })}\n`)
