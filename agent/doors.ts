/** Where an agent is reached: its responder, for other agents, and its page, for Prometheus and for Kubernetes. */
import type { ReadIdentity } from '../probes/identity/identity.ts'
import type { AgentConfig } from './config/config.ts'
import type { Me } from './me.ts'
import { type Responder, startResponder } from './responder/responder.ts'
import type { Self } from './self.ts'
import type { Spool } from './spool/spool.ts'
import { type Pages, startWeb } from './web.ts'
import type { Windows } from './window.ts'

type Behind = { windows: Windows; self: Self; me: Me; readIdentity?: ReadIdentity; spool: Spool }

export type Listening = { web?: number; responder?: Responder['ports'] }

/** Opens those that are configured, and adds them to `opened`. Rejects in words that name what to change. */
export const openDoors = async (config: AgentConfig, behind: Behind, opened: AsyncDisposableStack): Promise<Listening> => {
  const { responder: asked, listen } = config
  const responder =
    asked &&
    (await startResponder({
      agentId: () => behind.me.id,
      bind: asked.bind,
      ports: { tcp: asked.tcp, udp: asked.udp, tls: asked.tls, mtls: asked.mtls },
      identity: behind.readIdentity,
    }).catch(error => {
      throw new Error(`${error.message}; another port or address: responder in the file`, { cause: error })
    }))
  if (responder) opened.defer(() => responder.close())
  const web =
    listen &&
    (await startWeb(listen, pagesOf(behind)).catch(error => {
      throw new Error(`listen: ${error.message}; another address: --listen, CAUSEWAY_LISTEN or listen in the file`, { cause: error })
    }))
  if (web) opened.defer(() => web.close())
  return { web: web?.port, responder: responder?.ports }
}

const pagesOf = ({ windows, self, me, spool }: Behind): Pages => ({
  metrics: async () => {
    const { contentType, renderPage } = await import('./metrics-page.ts')
    return { type: contentType, parts: () => renderPage({ windows, self, source: me.place, details: false }) }
  },
  problems: () => {
    const { degraded } = spool.state()
    return degraded ? [`spool: ${degraded.detail}`] : []
  },
})
