/** The folder that the parts of the simulation share: what each of them reads, and who writes it. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cloud } from './clouds.ts'

/** Names below the folder. */
export const files = {
  /** The authorities with their keys: for who changes the world. */
  authorities: 'authorities.json',
  layout: 'layout.json',
  /** Who issues and who takes the token of a workload, with their keys. */
  federated: 'federated.json',
  /** The token, where its pod has it. */
  token: 'token',
  /** The authority of everything that the public knows. */
  publicAuthority: 'public-authority.pem',
  fleet: 'fleet.yaml',
  controllerCertificate: 'controller.pem',
  controllerKey: 'controller.key',
  controllerAuthority: 'controller-authority.pem',
  controller: 'controller.yaml',
  services: (cloud: Cloud): string => join(cloud, 'services.json'),
  /** The bundle of `of` as the agents of `cloud` hold it. */
  bundle: (cloud: Cloud, of: Cloud): string => join(cloud, `bundle-${of}.json`),
  agentCertificate: (cloud: Cloud): string => join(cloud, 'agent.pem'),
  agentKey: (cloud: Cloud): string => join(cloud, 'agent.key'),
  agent: (id: string): string => `${id}.yaml`,
} as const

/** Whole or not at all: readers look at any moment. */
export const writeWhole = (path: string, text: string, mode = 0o644): void => {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, text, { mode })
  renameSync(draft, path)
}
