import type { Self } from './config/config.ts'
import { type Place, placeOf } from './path.ts'

/** Who this agent is: by its own file, until the controller that it enrols with says so. That may be at any time, so it is read where it is used, each time. */
export type Me = {
  id: string
  place?: Place
  cluster?: string
  node?: string
  namespace?: string
  /** Of the assignment that runs. */
  generation?: number
}

export const meOf = (self: Self): Me => ({
  id: self.id,
  place: placeOf(self),
  cluster: self.cluster,
  node: self.node,
  namespace: self.namespace,
})
