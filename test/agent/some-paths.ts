import { expand } from '../../agent/expand.ts'
import type { Path } from '../../agent/path.ts'
import type { AssignedCheck, AssignedTarget } from '../../wire/assignment.ts'

/** Paths of TCP checks on loopback, named p0, p1, …; `check` changes all of them. */
export const paths = (count: number, check: Partial<AssignedCheck> = {}, target: Partial<AssignedTarget> = {}): readonly Path[] => {
  const targets = Array.from({ length: count }, (_, i) => ({ name: `p${i}`, address: `127.0.0.1:${7000 + i}`, ...target }))
  const { paths, problems } = expand({ targets, checks: [{ name: 'c', kind: 'tcp', every: '1s', ...check }] })
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '))
  return paths
}
