/** Writes the folder of a simulation: identities, and the files of the controller and of each agent. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { agentIdOf, agents, cloudNames, clouds, type Layout, operations, ports } from './clouds.ts'
import { makeFederated } from './federated.ts'
import { buildFleet } from './fleet.ts'
import { files, writeWhole } from './folder.ts'
import { makeAuthorities, openIdentity, usualDates } from './identity.ts'
import { issue, makeAuthority } from './issue.ts'
import { healthyWorld } from './world.ts'

export type SetUpOptions = {
  folder: string
  layout: Layout
  nowMs: number
  /** Where the controller and each agent keep their data. */
  dataOf: (who: string) => string
  /** What people outside dial the controller by, beside its address. */
  controllerNames: readonly string[]
  /** Where agents show their page. */
  agentListen: string
}

const dayMs = 86_400_000

/** Resolves when everything is there that the parts need to start. */
export const setUp = async ({ folder, layout, nowMs, dataOf, controllerNames, agentListen }: SetUpOptions): Promise<void> => {
  const write = (name: string, text: string, mode?: number): void => writeWhole(join(folder, name), text, mode)
  mkdirSync(folder, { recursive: true })
  const [authorities, controllerAuthority] = await Promise.all([makeAuthorities(nowMs), makeAuthority('controller', 'ec', nowMs)])
  write(files.authorities, JSON.stringify(authorities), 0o600)
  write(files.layout, JSON.stringify(layout))
  const dates = usualDates(nowMs)
  const federated = await makeFederated(layout, dates, nowMs)
  write(files.federated, JSON.stringify(federated), 0o600)
  write(files.token, federated.token)
  write(files.publicAuthority, federated.authorityPem)
  await openIdentity(folder, layout, authorities, () => nowMs).write(healthyWorld())
  for (const cloud of cloudNames) {
    const { chainPem, keyPem } = await issue(authorities[cloud][0], { id: agentIdOf(cloud), ...dates })
    write(files.agentCertificate(cloud), chainPem)
    write(files.agentKey(cloud), keyPem)
  }
  const addresses = [layout.controller, '127.0.0.1']
  const certified = await issue(controllerAuthority, {
    names: [operations, 'localhost', ...controllerNames],
    addresses,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 300 * dayMs,
  })
  write(files.controllerCertificate, certified.chainPem)
  write(files.controllerKey, certified.keyPem)
  write(files.controllerAuthority, controllerAuthority.rootPem)
  write('keys.json', '{"keys":[]}\n')
  write(
    files.fleet,
    buildFleet(layout, {
      keysFile: join(folder, 'keys.json'),
      bundleFile: cloud => join(folder, files.bundle(cloud, cloud)),
      authorityPem: cloud => authorities[cloud][0].rootPem,
    }),
  )
  write(files.controller, stringify(controllerFile(folder, layout, dataOf(operations))))
  for (const agent of agents) write(files.agent(agent.id), stringify(agentFile(agent, { folder, layout, dataOf, agentListen })))
}

const controllerFile = (folder: string, layout: Layout, data: string) => ({
  listen: `${layout.controller}:${ports.controller}`,
  tls: {
    cert: join(folder, files.controllerCertificate),
    key: join(folder, files.controllerKey),
    ca: join(folder, files.controllerAuthority),
  },
  data,
  fleet: join(folder, files.fleet),
})

type Around = Pick<SetUpOptions, 'folder' | 'layout' | 'dataOf' | 'agentListen'>
const agentFile = ({ id, cloud, zone }: (typeof agents)[number], { folder, layout, dataOf, agentListen }: Around) => ({
  agent: { cloud, region: clouds[cloud].region, zone, cluster: clouds[cloud].cluster, node: id },
  identity: {
    cert: join(folder, files.agentCertificate(cloud)),
    key: join(folder, files.agentKey(cloud)),
    bundles: Object.fromEntries(cloudNames.map(other => [`${other}.example`, join(folder, files.bundle(cloud, other))])),
  },
  controller: {
    url: `https://${layout.controller}:${ports.controller}`,
    ca: join(folder, files.controllerAuthority),
    spiffe: true,
  },
  responder: {},
  listen: agentListen,
  data: dataOf(id),
})
