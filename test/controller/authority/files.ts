/** A directory, a store beside it, and clients of what is served. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import {
  openServerTls,
  type ServerTls,
  type ServerTlsOptions,
  secureContextOf,
  tlsOptionsOf,
} from '../../../controller/authority/server-tls.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { listen } from '../../servers/listening.ts'

export const random = (bytes: number): Uint8Array => randomBytes(bytes)

export const makeDirectory = (t: Test): string => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-authority-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** With a store of its own, for 127.0.0.1; nothing looks but when it is asked to. */
export const openTls = async (t: Test, options: Partial<ServerTlsOptions> & { directory: string }): Promise<ServerTls> => {
  const own = options.store ? undefined : await openSqlite({ path: join(makeDirectory(t), 'controller.db') })
  t.teardown(() => own?.close())
  const tls = await openServerTls({
    store: own ?? options.store!,
    names: ['127.0.0.1', 'localhost'],
    random,
    nowMs: () => Date.now(),
    lookEveryMs: 3_600_000,
    ...options,
  })
  t.teardown(() => tls.close())
  return tls
}

/** Serves what is current, and what comes after it. */
export const serve = async (t: Test, tls: ServerTls): Promise<{ server: Server; port: number }> => {
  const server = createServer(tlsOptionsOf(tls.current()), (_request, response) => void response.end('here'))
  tls.onChange(() => server.setSecureContext(secureContextOf(tls.current())))
  const { port, close } = await listen(server)
  t.teardown(close)
  return { server, port }
}

/** Resolves with the socket when OpenSSL is content, and rejects with its error. */
export const dial = async (
  port: number,
  options: { ca?: string; servername?: string; rejectUnauthorized?: boolean; cert?: string; key?: string },
): Promise<TLSSocket> => {
  const socket = connect({ host: '127.0.0.1', port, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** What an agent does that knows nothing of the controller but a fingerprint: finds that certificate in the chain that was sent. */
export const findByPin = async (port: number, pin: string): Promise<string | undefined> => {
  const socket = await dial(port, { rejectUnauthorized: false })
  try {
    for (
      let one: PeerCertificate | undefined = socket.getPeerCertificate(true), left = 5;
      one && left > 0;
      one = (one as { issuerCertificate?: PeerCertificate }).issuerCertificate, left--
    )
      if (createHash('sha256').update(one.raw).digest('hex') === pin)
        return `-----BEGIN CERTIFICATE-----\n${one.raw.toString('base64')}\n-----END CERTIFICATE-----\n`
    return undefined
  } finally {
    socket.destroy()
  }
}
