/** What a mesh must keep besides its schema: coverage that is possible, checks that an agent can be the target of. */
import type { FleetCheck, Mesh } from '../../wire/fleet.ts'
import type { Finding } from '../../wire/read.ts'
import type { Kind } from '../../wire/result.ts'
import { formatDuration } from '../../wire/values.ts'
import { dayMs, msOf } from './duration.ts'
import type { Placed } from './sound.ts'

/** What an agent's responder answers; the others need a service of their own. */
export const meshKinds: readonly Kind[] = ['icmp', 'tcp', 'udp', 'mtu', 'trace', 'tls', 'mtls']
/** Fewer pairs than this cannot tell a bad agent from a bad link. */
export const localisablePairs = 3
const minRotateMs = 60_000

export const meshProblems = ({ value: mesh, steps }: Placed<Mesh>, checks: ReadonlyMap<string, FleetCheck>): Finding[] => {
  const problems: Finding[] = mesh.checks.flatMap((name, index): Finding[] => {
    const check = checks.get(name)
    const at = [...steps, 'checks', index]
    if (check && !meshKinds.includes(check.kind))
      return [{ steps: at, message: `${name} is of kind ${check.kind}, which agents do not answer; a mesh takes ${meshKinds.join(', ')}` }]
    if (check && check.as !== 'agent')
      return [{ steps: at, message: `${name} runs as a workload, and a mesh is between agents: leave its as out` }]
    return []
  })
  if (mesh.inDegree > mesh.maxTargets) {
    const message = `every agent probed by ${mesh.inDegree} others needs as many targets per agent, and maxTargets is ${mesh.maxTargets}: raise it, or lower inDegree`
    problems.push({ steps: [...steps, 'inDegree'], message })
  }
  if (mesh.policy === 'hub' && !mesh.hub)
    problems.push({ steps: [...steps, 'policy'], message: 'hub is missing: say which agents are the hub, such as hub: { cloud: [azure] }' })
  if (mesh.policy !== 'hub' && mesh.hub)
    problems.push({ steps: [...steps, 'hub'], isKey: true, message: `belongs to policy: hub, and the policy is ${mesh.policy}` })
  const rotateMs = msOf(mesh.rotate)
  if (rotateMs !== 0 && (rotateMs < minRotateMs || rotateMs > 365 * dayMs))
    problems.push({
      steps: [...steps, 'rotate'],
      message: `got ${mesh.rotate}, want ${formatDuration(minRotateMs)} to 8760h, or 0s for never`,
    })
  return problems
}

export const meshWarnings = ({ value: mesh, steps }: Placed<Mesh>): Finding[] =>
  mesh.perLink < localisablePairs
    ? [
        {
          steps: [...steps, 'perLink'],
          message: `${mesh.perLink} agent pairs per link cannot tell a bad agent from a bad link, want at least ${localisablePairs}`,
        },
      ]
    : []
