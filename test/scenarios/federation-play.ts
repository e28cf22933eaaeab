/** Plays one situation on the real command. */

import type { RunDocument } from '../../wire/result.ts'
import { probeHere } from '../lab/probe-here.ts'
import { accountOf, clusters, projectOf, startWorld, tenantOf, type World } from '../servers/cloud-world.ts'
import type { Case } from './federation-pods.ts'

/** Everything in the world as it should be. */
const restore = (world: World): void => {
  const issuers = { eks: world.issuers.eks.issuer, aks: world.issuers.aks.issuer, gke: world.issuers.gke.issuer }
  const all = clusters.map(cluster => issuers[cluster])
  const replace = (held: object, fresh: object): void => {
    for (const name of Object.keys(held)) delete (held as Record<string, unknown>)[name]
    Object.assign(held, fresh)
  }
  replace(world.aws.account, accountOf(all))
  replace(world.entra.tenant, tenantOf(all))
  replace(world.google.project, projectOf(issuers))
  for (const cluster of clusters) {
    world.issuers[cluster].fail(undefined)
    world.issuers[cluster].publish()
  }
}

export type Played = { status: number | null; document: RunDocument; stdout: string; stderr: string }

export const play = async (world: World, { cloud, setUp }: Pick<Case, 'cloud' | 'setUp'>, more: string[] = []): Promise<Played> => {
  restore(world)
  const { words = [], env = {} } = await setUp(world)
  const { status, stdout, stderr } = await probeHere(
    ['run', `federation://${cloud}`, '--ca', world.caFile, ...words, '--output', 'json', ...more],
    env,
  )
  if (!stdout.startsWith('{')) throw new Error(`${status}: ${stdout}${stderr}`)
  return { status, stdout, stderr, document: JSON.parse(stdout) as RunDocument }
}

/** Situations at once: each in a world of its own. */
const atOnce = 3

/** Plays them all, in their order; a world is put right between two of them. */
export const playAll = async (cases: readonly Case[]): Promise<Map<Case, Played>> => {
  const played = new Map<Case, Played>()
  const queue = cases.values()
  const worker = async (): Promise<void> => {
    await using world = await startWorld()
    for (const one of queue) played.set(one, await play(world, one))
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return played
}
