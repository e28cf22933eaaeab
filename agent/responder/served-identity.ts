import { randomBytes } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type Identity, noIdentity, pickSvid, type ReadIdentity } from '../../probes/identity/identity.ts'

/** How often the source is asked: a file's dates, or what a held Workload API stream last said. Both cost next to nothing. */
const refreshMs = 1000

export type ServedIdentity = {
  /** What to show and whom to trust at this moment. No context: nothing to show. */
  now(): { identity: Identity; context: SecureContext | undefined }
  /** Why the present SVID cannot be used; undefined when it can. */
  problem(): string | undefined
  close(): void
}

/** The SVID that is shown on the TLS ports, always the present one: connections made after a rotation get the new. Resolves after the first reading. */
export const serveIdentity = async (read: ReadIdentity): Promise<ServedIdentity> => {
  const stop = new AbortController()
  let identity: Identity = noIdentity
  let context: SecureContext | undefined
  let shown: string | undefined
  let problem: string | undefined = 'no SVID'
  const refresh = async (): Promise<void> => {
    const next = await read(AbortSignal.any([stop.signal, AbortSignal.timeout(2 * refreshMs)]))
    if (stop.signal.aborted) return
    identity = next
    const svid = pickSvid(next)
    // An identity plane that is away has not taken the SVID back: it is shown until there is another.
    if (!svid || svid.fingerprint256 === shown) return
    try {
      context = buildContext(svid.chainPem, svid.key.reveal())
      shown = svid.fingerprint256
      problem = undefined
    } catch (error) {
      problem = `${next.source}: ${(error as Error).message}`
    }
  }
  const again = (): void => {
    timer = setTimeout(() => void refresh().finally(() => stop.signal.aborted || again()), refreshMs)
  }
  let timer: NodeJS.Timeout | undefined
  await refresh()
  again()
  return {
    now: () => ({ identity, context }),
    problem: () => problem,
    close: () => {
      stop.abort()
      clearTimeout(timer)
    },
  }
}

/**
 * Sessions may not outlive the judgement of a client's certificate, and without tickets clients lack the proof that they were accepted: so
 * tickets are sent and are worth nothing a second later.
 */
const buildContext = (cert: string, key: string): SecureContext =>
  createSecureContext({ cert, key, minVersion: 'TLSv1.2', sessionTimeout: 1, sessionIdContext: randomBytes(16).toString('hex') })
