/** From Istio's objects to targets of a fleet file: where a service is, by which SNI a gateway leads to it, and who has to answer. Pure. */
import { isIP } from 'node:net'
import type { FleetTarget } from '../../wire/fleet.ts'
import { quote } from '../../wire/values.ts'
import type { ClientTls, DestinationRule, Gateway, IstioObjects, ServiceEntry } from './objects.ts'

export type Imported = { targets: FleetTarget[]; notes: string[] }

/** The port of an east-west gateway, which passes TLS on by its SNI (Istio, "Multi-primary on different networks"). */
const eastWestPort = 15443
/** What sidecars offer to each other (istio.io, `pkg/model` ALPN). */
const meshAlpn = ['istio-peer-exchange', 'istio']
const maxNameLength = 128

/** `location`: of all of them, since the objects know no cloud. */
export const targetsOf = ({ entries, rules, gateways }: IstioObjects, location?: string): Imported => {
  const notes: string[] = []
  const targets = [...entries.flatMap(entry => ofEntry(entry, rules, notes)), ...gateways.flatMap(one => ofGateway(one, notes))]
  const seen = new Map<string, number>()
  const named = targets.map(target => {
    const times = (seen.get(target.name) ?? 0) + 1
    seen.set(target.name, times)
    return { ...target, ...(times > 1 && { name: `${target.name.slice(0, maxNameLength - 4)}-${times}` }), ...(location && { location }) }
  })
  return { targets: named, notes }
}

const isPattern = (host: string): boolean => host.includes('*')
const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host)
/** What a target's name may hold. */
const nameOf = (...parts: (string | number)[]): string =>
  parts
    .join('/')
    .replace(/[^A-Za-z0-9._/-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, maxNameLength)

/** A short name belongs to the namespace of its rule; a pattern fits what ends like it. */
const isFor = ({ metadata, spec: { host } }: DestinationRule, wanted: string): boolean =>
  host === wanted ||
  (host.startsWith('*') && wanted.endsWith(host.slice(1))) ||
  (!host.includes('.') && wanted === `${host}.${metadata.namespace}.svc.cluster.local`)

const tlsOf = (rule: DestinationRule | undefined, port: number): ClientTls | undefined => {
  const policy = rule?.spec.trafficPolicy
  return policy?.portLevelSettings.find(one => one.port?.number === port)?.tls ?? policy?.tls
}

const ofEntry = ({ metadata, spec }: ServiceEntry, rules: readonly DestinationRule[], notes: string[]): FleetTarget[] => {
  const where = `ServiceEntry ${metadata.namespace}/${metadata.name}`
  if (spec.ports.length === 0) notes.push(`${where}: has no ports, so there is nothing to probe`)
  return spec.hosts.flatMap(host => {
    const endpoints = spec.endpoints.length > 0 ? spec.endpoints : [{ address: host, ports: {} as Record<string, number> }]
    if (isPattern(host) && spec.endpoints.length === 0) {
      notes.push(`${where}: ${quote(host)} is a pattern and has no endpoints: write the target by hand`)
      return []
    }
    const rule = rules.find(one => isFor(one, host))
    return spec.ports.flatMap(port =>
      endpoints.flatMap(({ address, ports }, index) => {
        if (address.startsWith('unix:')) {
          notes.push(`${where}: ${quote(address)} is a socket of its own machine: left out`)
          return []
        }
        const number = ports[port.name ?? ''] ?? port.targetPort ?? port.number
        const tls = tlsOf(rule, port.number)
        const names = [metadata.namespace, host, port.number, ...(endpoints.length > 1 ? [index + 1] : [])]
        const common = {
          address: `${bracketed(address)}:${number}`,
          labels: { host, namespace: metadata.namespace },
          ...identityOf(tls, spec.subjectAltNames, where, notes),
        }
        if (number !== eastWestPort || isPattern(host))
          return [{ name: nameOf(...names), ...common, ...plainTls(tls, host, address, port.protocol) }]
        return ['', ...(rule?.spec.subsets ?? []).map(({ name }) => name)].map(subset => ({
          name: nameOf(...names, ...(subset === '' ? [] : [subset])),
          ...common,
          tls: { sni: `outbound_.${port.number}_.${subset}_.${host}`, alpn: meshAlpn },
        }))
      }),
    )
  })
}

/** Only what differs from what is asked for anyway. */
const plainTls = (tls: ClientTls | undefined, host: string, address: string, protocol = ''): Pick<FleetTarget, 'tls'> => {
  const isTls = /^(TLS|HTTPS)$/i.test(protocol) || (tls?.mode !== undefined && tls.mode !== 'DISABLE')
  const sni = tls?.sni ?? (isTls && address !== host && !isPattern(host) ? host : undefined)
  const alpn = tls?.mode === 'ISTIO_MUTUAL' ? meshAlpn : undefined
  return sni === undefined && !alpn ? {} : { tls: { ...(sni !== undefined && { sni }), ...(alpn && { alpn }) } }
}

/** One name is who has to answer; of several only their trust domain is sure. */
const identityOf = (
  tls: ClientTls | undefined,
  ofEntry: readonly string[],
  where: string,
  notes: string[],
): Pick<FleetTarget, 'expectId' | 'expectTrustDomain'> => {
  const names = tls?.subjectAltNames.length ? tls.subjectAltNames : ofEntry
  const ids = [...new Set(names.filter(name => name.startsWith('spiffe://')))]
  if (ids.length === 1) return { expectId: ids[0]! }
  const domains = [...new Set(ids.map(id => id.slice('spiffe://'.length).split('/')[0]!))]
  if (domains.length === 1) {
    notes.push(`${where}: ${ids.length} identities may answer, so only their trust domain ${domains[0]} is expected`)
    return { expectTrustDomain: domains[0]! }
  }
  if (domains.length > 1) notes.push(`${where}: identities of ${domains.length} trust domains may answer, so none is expected`)
  return {}
}

const ofGateway = ({ metadata, spec }: Gateway, notes: string[]): FleetTarget[] => {
  const where = `Gateway ${metadata.namespace}/${metadata.name}`
  return spec.servers.flatMap(({ port, hosts, tls }) =>
    hosts.flatMap(whole => {
      // `namespace/host`: which services it is for, and no part of the name.
      const host = whole.split('/').at(-1)!
      if (isPattern(host)) {
        notes.push(`${where}: ${quote(whole)} on port ${port.number} is a pattern: a ServiceEntry, or you, know what is behind it`)
        return []
      }
      const isTls = tls !== undefined || /^(TLS|HTTPS)$/i.test(port.protocol ?? '')
      return [
        {
          name: nameOf(metadata.namespace, host, port.number),
          address: `${bracketed(host)}:${port.number}`,
          labels: { host, namespace: metadata.namespace, gateway: metadata.name },
          ...(isTls && { tls: { sni: host } }),
        },
      ]
    }),
  )
}
