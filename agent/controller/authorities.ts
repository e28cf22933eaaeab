import type { ReadClientIdentity } from '../send/credentials.ts'
import type { Keep } from './kept.ts'

const fileName = 'authorities.pem'

/**
 * The authorities by which the controller is known when the configuration names none: those that came with our SVID last, over restarts too. Who holds a good
 * credential needs no SVID, so a Workload API that is away must not stand between it and its controller; what is new is used from the next request on.
 * Undefined: the identity has none, which leaves the public ones. Rejects while there never was any.
 */
export const openAuthorities = (keep: Keep, read: ReadClientIdentity): (() => Promise<string | undefined>) => {
  const kept = keep.read(fileName)
  let last: { pem: string | undefined } | undefined = kept === undefined ? undefined : { pem: kept }
  let reading: Promise<void> | undefined
  const take = (identity: Awaited<ReturnType<ReadClientIdentity>>): void => {
    if (!identity || (last && identity.caPem === last.pem)) return
    last = { pem: identity.caPem }
    if (identity.caPem === undefined) keep.remove(fileName)
    else keep.write(fileName, identity.caPem)
  }
  const refresh = (): Promise<void> =>
    (reading ??= read()
      .then(take, () => {})
      .finally(() => {
        reading = undefined
      }))
  return async () => {
    const refreshed = refresh()
    if (!last) await refreshed
    if (!last) throw new Error('no SVID to present, and no authorities to know the controller by')
    return last.pem
  }
}
