/** Clusters, trust domains, targets, links and prices: what they must keep besides their schemas. */
import { isIP } from 'node:net'
import { parseSpiffeId, parseTrustDomain } from '../../judge/spiffe/id.ts'
import type { Fleet, FleetCluster, FleetLink, FleetPrice, FleetTarget } from '../../wire/fleet.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { parseHost, parseTarget } from '../../wire/target.ts'
import { dayMs, durationProblems } from './duration.ts'
import type { Placed } from './sound.ts'

/** Names of targets that the plan gives to the agents themselves. */
export const agentPrefix = 'agent/'

export const clusterProblems = ({ value: { cloud, region }, steps }: Placed<FleetCluster>): Finding[] =>
  [['cloud', cloud] as const, ['region', region] as const].flatMap(([key, text]) =>
    /[/\s]/.test(text)
      ? [
          {
            steps: [...steps, key],
            message: `${JSON.stringify(text)} has a slash or a space: want one word such as ${key === 'cloud' ? 'aws' : 'us-east-1'}`,
          },
        ]
      : [],
  )

export const trustDomainProblems = ({ value, steps }: Placed<Fleet['trustDomains'][number]>): Finding[] => {
  const name = parseTrustDomain(value.name)
  const problems: Finding[] = name.ok ? [] : name.problems.map(message => ({ steps: [...steps, 'name'], message }))
  const endpoint = value.bundleEndpoint
  if (!endpoint) return problems
  const at = [...steps, 'bundleEndpoint']
  // SPIFFE Federation §5.2.2: the client of https_spiffe must know the endpoint's SPIFFE ID; https_web has none.
  if (endpoint.profile === 'https_spiffe' && endpoint.endpointId === undefined)
    problems.push({ steps: at, message: 'endpointId is missing: profile https_spiffe needs the SPIFFE ID of the endpoint' })
  if (endpoint.profile === 'https_web' && endpoint.endpointId !== undefined)
    problems.push({ steps: [...at, 'endpointId'], isKey: true, message: 'belongs to profile https_spiffe, and the profile is https_web' })
  return [...problems, ...idProblems(endpoint.endpointId, [...at, 'endpointId'])]
}

const idProblems = (id: string | undefined, steps: Steps): Finding[] => {
  const parsed = id === undefined ? undefined : parseSpiffeId(id)
  return parsed && !parsed.ok ? parsed.problems.map(message => ({ steps, message })) : []
}

export const targetProblems = ({ value: target, steps }: Placed<FleetTarget>): Finding[] => {
  const problems: Finding[] = idProblems(target.expectId, [...steps, 'expectId'])
  const add = (key: string, ...messages: string[]): void =>
    void problems.push(...messages.map(message => ({ steps: [...steps, key], message })))
  if (target.name.startsWith(agentPrefix)) add('name', `names that begin with ${agentPrefix} are those of agents, take another`)
  const address = parseTarget(target.address)
  if (!address.ok) add('address', ...address.problems)
  else if (address.value.kind) add('address', `${target.address} has a scheme: the kind is said by the checks, write host or host:port`)
  else if (address.value.family && target.family && address.value.family !== target.family)
    add('family', `${target.address} is IPv${address.value.family}, and family is ${target.family}`)
  const domain = target.expectTrustDomain === undefined ? undefined : parseTrustDomain(target.expectTrustDomain)
  if (domain && !domain.ok) add('expectTrustDomain', ...domain.problems)
  const id = target.expectId === undefined ? undefined : parseSpiffeId(target.expectId)
  if (domain?.ok && id?.ok && id.id.trustDomain !== domain.trustDomain)
    add('expectTrustDomain', `${domain.trustDomain} is not the trust domain of expectId ${target.expectId}: no identity can be both`)
  const sni = target.tls?.sni
  const host = sni === undefined ? undefined : parseHost(sni)
  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted".
  if (sni !== undefined && isIP(sni))
    problems.push({ steps: [...steps, 'tls', 'sni'], message: `${sni} is an address, a server name is a name` })
  else if (host && !host.ok) problems.push(...host.problems.map(message => ({ steps: [...steps, 'tls', 'sni'], message })))
  // One byte of length (RFC 7301 §3.1).
  for (const [index, name] of (target.tls?.alpn ?? []).entries())
    if (name === '' || Buffer.byteLength(name) > 255)
      problems.push({ steps: [...steps, 'tls', 'alpn', index], message: 'want a name of 1 to 255 bytes' })
  return problems
}

export const linkProblems = ({ value: { objective, price }, steps }: Placed<FleetLink>): Finding[] => [
  ...durationProblems(objective?.p95, 0.001, 60_000, [...steps, 'objective', 'p95']),
  ...durationProblems(objective?.outage, 1000, dayMs, [...steps, 'objective', 'outage']),
  ...dayProblems(price?.asOf, [...steps, 'price', 'asOf']),
]

export const priceProblems = ({ value, steps }: Placed<FleetPrice>): Finding[] => dayProblems(value.asOf, [...steps, 'asOf'])

/** 2026-02-30 has the form of a day and is none. */
const dayProblems = (day: string | undefined, steps: Steps): Finding[] => {
  if (day === undefined) return []
  const time = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day) ? [] : [{ steps, message: `${day} is not a day` }]
}
