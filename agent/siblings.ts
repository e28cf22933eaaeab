/** What else is measured at a target: whether TCP works there is known from its other paths, while nothing about them is kept. */
import { noTcp } from '../wire/measured-tcp.ts'
import type { AnyResult, Kind, Result } from '../wire/result.ts'
import type { Path } from './path.ts'

/** Kinds that are ok only where a connection came up. */
const overTcp: readonly Kind[] = ['tcp', 'tls', 'mtls', 'http', 'bundle']

export type Siblings = {
  set(paths: readonly Path[]): void
  /** The paths of a target that show whether TCP works there. */
  of(target: string): readonly Path[]
}

export const holdSiblings = (): Siblings => {
  let known = new Map<string, Path[]>()
  return {
    set(paths) {
      const echoed = new Set(paths.filter(({ kind }) => kind === 'icmp').map(({ target }) => target.name))
      known = Map.groupBy(
        paths.filter(({ kind, target }) => overTcp.includes(kind) && echoed.has(target.name)),
        ({ target }) => target.name,
      )
    },
    of: target => known.get(target) ?? [],
  }
}

/** That a path is ok, as evidence for TCP: a connection came up, and no more is said. */
export const connected = ({ host, port, target: { name } }: Path, startedAt: string): Result<'tcp'> => ({
  kind: 'tcp',
  target: { name, host, port },
  startedAt,
  outcome: { kind: 'ok' },
  phasesMs: {},
  measured: noTcp(),
  warnings: [],
  violations: [],
})

export const isEchoFailure = ({ kind, outcome }: AnyResult): boolean => kind === 'icmp' && outcome.kind === 'fail'
