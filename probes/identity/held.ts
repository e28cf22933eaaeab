import type { ReadIdentity } from './identity.ts'
import { type IdentityChoice, type OpenIdentity, openIdentity } from './source.ts'
import { holdX509 } from './workload-api.ts'

/**
 * For who runs checks for long: one stream per Workload API and one reader per set of files, opened at the first use and held until the signal
 * aborts, so that a run takes what has been streamed already. The choices come from configuration: none is given up before the end. `ended`
 * resolves when all streams are closed.
 */
export const holdIdentities = (signal: AbortSignal): { open: OpenIdentity; ended: () => Promise<void> } => {
  const readers = new Map<string, ReadIdentity>()
  const streams = new Map<string, ReturnType<typeof holdX509>>()
  const streamAt = (socket: string): ReadIdentity => {
    const stream = streams.get(socket) ?? holdX509(socket, signal)
    streams.set(socket, stream)
    return stream.read
  }
  const open = (choice: IdentityChoice): ReadIdentity => {
    const key = JSON.stringify(choice)
    const { workloadApi } = choice
    const reader = readers.get(key) ?? openIdentity(choice, workloadApi === undefined ? undefined : streamAt(workloadApi))
    readers.set(key, reader)
    return reader
  }
  return { open, ended: async () => void (await Promise.all([...streams.values()].map(({ ended }) => ended))) }
}
