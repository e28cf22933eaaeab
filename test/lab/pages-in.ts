/** A webhook in a site of a simulated network, for the controller there, and what it was told. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { signatureOf } from '../../controller/notify/webhook.ts'
import type { Network } from '../../deploy/sim/network.ts'
import type { Notification } from '../../wire/page.ts'
import { Secret } from '../../wire/secret.ts'
import { cleanEnv } from './clean-env.ts'

const program = fileURLToPath(new URL('./page-sink.ts', import.meta.url))
const key = 'of the scenarios'

/** `isSigned`: by the key that both know. */
export type Told = Notification & { isSigned: boolean }
export type SitePages = {
  told: Told[]
  /** A fleet's `alerts` that sends everything here. */
  alerts: string
  /** What the controller needs in its environment. */
  env: NodeJS.ProcessEnv
}

export const startPagesIn = async <Site extends string>(network: Network<Site>, site: NoInfer<Site>): Promise<SitePages> => {
  const child = network.spawn(site, [process.execPath, program], { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const [ready] = (await once(lines, 'line')) as [string]
  const { port } = JSON.parse(ready) as { port: number }
  const told: Told[] = []
  lines.on('line', line => {
    const { headers, body } = JSON.parse(line) as { headers: Record<string, string>; body: string }
    const wanted = signatureOf(body, Number(headers['causeway-timestamp']), new Secret(key))
    told.push({ ...(JSON.parse(body) as Notification), isSigned: headers['causeway-signature'] === wanted['causeway-signature'] })
  })
  return {
    told,
    alerts: `alerts:
  runbooks: https://wiki.test/{runbook}
  receivers: [{ name: hook, type: webhook, url: "http://127.0.0.1:${port}/pages", signingKey: { env: PAGES_KEY } }]
  routes: [{ to: [hook] }]
`,
    env: { PAGES_KEY: key },
  }
}
