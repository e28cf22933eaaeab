/** How a controller is reached, and whether it can serve. */
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { type ServerTls, secureContextOf } from './authority/server-tls.ts'
import type { ControllerConfig } from './config/read.ts'
import type { IngestWorker } from './ingest/start.ts'
import type { Store } from './store/store.ts'

/** Beside the data, for people and agents on this machine; with given files it is where they say. */
export const writeAuthority = async ({ data, tls: files }: ControllerConfig, tls: ServerTls | undefined): Promise<{ caFile?: string }> => {
  const caPem = tls?.current().caPem
  if (caPem === undefined) return {}
  if (files?.ca !== undefined) return { caFile: files.ca }
  const caFile = join(data, 'authority.pem')
  await writeFile(caFile, caPem)
  return { caFile }
}

export const pinOf = (tls: ServerTls | undefined): { caPin?: string } => {
  const caPin = tls?.current().caPin
  return caPin === undefined ? {} : { caPin }
}

type Judged = { store: Store; ingest: IngestWorker; tls: ServerTls | undefined }

/** Why it can't serve, for `/readyz`. What goes on without (a bundle endpoint that is away) is in the log and the events, not here. */
export const problemsOf = async ({ store, ingest, tls }: Judged): Promise<string[]> => {
  const answers = await store.read(async () => true).catch(() => false)
  return [
    ...(answers ? [] : [`the store ${store.name} does not answer`]),
    ...(ingest.isReady ? [] : ['ingest is not ready']),
    ...(tls?.problems() ?? []),
  ]
}

/** Resolves with the port. */
export const listen = async (
  app: FastifyInstance,
  { listen: { host, port } }: ControllerConfig,
  tls: ServerTls | undefined,
): Promise<number> => {
  try {
    await app.listen({ host, port, listenTextResolver: address => `listening at ${address}` })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`${host}:${port} is taken by another process: give another address with --listen, or end that one`)
  }
  // Agents stay connected for days: a certificate that is made anew is for who comes next.
  tls?.onChange(() => (app.server as unknown as TlsServer).setSecureContext(secureContextOf(tls.current())))
  return (app.server.address() as AddressInfo).port
}

export const urlOf = ({ listen: { host, scheme }, names }: ControllerConfig, port: number): string => {
  const name = names[0] ?? (host === '0.0.0.0' || host === '::' ? 'localhost' : host)
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
}
