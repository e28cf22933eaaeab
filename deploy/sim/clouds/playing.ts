/** The world as it is being played: which faults are on, and making that real. */

import type { Link } from '../link.ts'
import type { Place, RouteName } from './clouds.ts'
import { type Fault, faultNamed, faults } from './faults.ts'
import { healthyWorld, type World, wholeLink } from './world.ts'

/** Makes a part of the world real. */
export type Stage = {
  setLink(from: Place, to: Place, link: Partial<Link>): Promise<void>
  /** With `afterMs` everything is lost for so long first. */
  useRoute(from: Place, to: Place, route: RouteName, afterMs?: number): Promise<void>
  /** Certificates, bundles and names. */
  setIdentities(world: World): Promise<void>
}

export type FaultState = Pick<Fault, 'name' | 'scenario' | 'story' | 'expect' | 'look'> & { on: boolean; sinceMs?: number }

export type Playing = {
  /** Switches one; resolves when the world is so. Undefined: there is no such fault. */
  set(name: string, on: boolean): Promise<FaultState | undefined>
  list(): FaultState[]
}

type Active = { fault: Fault; sinceMs: number }

export const startPlaying = (stage: Stage, now: () => number): Playing => {
  const active = new Map<string, Active>()
  let real = healthyWorld()
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other: each makes the difference between what is and what is to be. */
  const apply = (): Promise<void> => {
    const next = last.then(async () => {
      const wanted = healthyWorld()
      for (const { fault } of active.values()) fault.change(wanted)
      for (const [key, link] of Object.entries(wanted.links))
        if (JSON.stringify(link) !== JSON.stringify(real.links[key])) {
          const [from, to] = key.split(' ') as [Place, Place]
          await stage.setLink(from, to, wholeLink(link))
        }
      for (const [key, { route, afterMs }] of Object.entries(wanted.uses))
        if (route !== real.uses[key]!.route) {
          const [from, to] = key.split(' ') as [Place, Place]
          await stage.useRoute(from, to, route, afterMs)
        }
      const parts = ({ links: _links, uses: _uses, ...identities }: World): string => JSON.stringify(identities)
      if (parts(wanted) !== parts(real)) await stage.setIdentities(wanted)
      real = wanted
    })
    last = next.catch(() => {})
    return next
  }
  const stateOf = (fault: Fault): FaultState => {
    const { name, scenario, story, expect, look } = fault
    const since = active.get(name)?.sinceMs
    return { name, scenario, story, expect, look, on: since !== undefined, ...(since !== undefined && { sinceMs: since }) }
  }
  return {
    async set(name, on) {
      const fault = faultNamed(name)
      if (!fault) return undefined
      const before = active.get(name)
      if (on && !before) active.set(name, { fault, sinceMs: now() })
      if (!on) active.delete(name)
      await apply()
      return stateOf(fault)
    },
    list: () => faults.map(stateOf),
  }
}
