import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { DnsAnswer } from '../../wire/measured.ts'
import { type FailReason, warningTexts } from '../../wire/reasons.ts'
import type { Target } from '../../wire/result.ts'
import { buildDiagnosis, buildRun, capital, clean, fix, hostOf, listFacts, sayList, sayMs } from './say.ts'
import { findOpen, openReason, reasonOf, type Seen, sayDetail, warned } from './seen.ts'

/** RFC 1918, RFC 6598 (shared), RFC 4193 (unique local): what a private zone usually answers with. */
const isPrivate = (address: string): boolean =>
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i.test(address)

const sayAnswer = ({ resolver, addresses, latencyMs, error, reason }: DnsAnswer): string => {
  const who = `resolver ${clean(resolver)}`
  if (error !== undefined || addresses.length === 0) return `${who}: ${clean(error ?? reason ?? 'no address')}, after ${sayMs(latencyMs)}`
  const place = addresses.every(isPrivate) ? ' (private)' : addresses.some(isPrivate) ? '' : ' (public)'
  return `${who}: ${sayList(addresses.map(clean))}${place}, in ${sayMs(latencyMs)}`
}

/** Where a zone is wired to a network, per cloud; `zone` is everything after the first label. */
const buildFixes = (name: string, recordType: string, resolvers: string[]): Fix[] => {
  const zone = name.split('.').slice(1).join('.') || name
  return [
    ...resolvers.map(resolver => {
      const { host, port } = splitResolver(resolver)
      return fix(
        `ask resolver ${resolver} directly`,
        `dig @${host}${port === undefined ? '' : ` -p ${port}`} ${name} ${recordType} +time=2`,
      )
    }),
    fix('Kubernetes, CoreDNS: forward the zone to a resolver that knows it', `${zone}:53 { forward . RESOLVER_ADDRESS }`),
    fix(
      'AWS Route 53: attach the private zone to this VPC',
      `aws route53 associate-vpc-with-hosted-zone --hosted-zone-id ZONE --vpc VPCRegion=REGION,VPCId=VPC`,
    ),
    fix(
      'AWS Route 53 Resolver: forward the zone to the other cloud',
      `aws route53resolver create-resolver-rule --creator-request-id causeway --rule-type FORWARD --domain-name ${zone} --resolver-endpoint-id ENDPOINT --target-ips Ip=RESOLVER_ADDRESS,Port=53`,
    ),
    fix(
      'Azure: link the private zone to this network',
      `az network private-dns link vnet create --resource-group GROUP --zone-name ${zone} --name LINK --virtual-network VNET --registration-enabled false`,
    ),
    fix(
      'GCP: peer the zone with the network that knows it',
      `gcloud dns managed-zones create ZONE --dns-name=${zone}. --description=peering --visibility=private --networks=NETWORK --target-network=OTHER_NETWORK --target-project=PROJECT`,
    ),
  ]
}

/** Only what is written like a name or an address may stand in a command. */
const isPlain = (text: string): boolean => /^[\w:][\w.:%#-]*$/.test(text)

/** `10.0.0.2`, `10.0.0.2:5353`, `fd00::2`, `[fd00::2]:5353`: as people write resolvers. */
const splitResolver = (resolver: string): { host: string; port?: string } => {
  const [, inside, plain, port] = /^(?:\[([^\]]*)\]|([\d.]+))(?::(\d+))?$/.exec(resolver) ?? []
  return { host: inside ?? plain ?? resolver, port }
}

/** The name, and the resolvers that were asked: those without an answer first, for they are the ones to look at. */
const describe = (seen: Seen, target: Target) => {
  const measured = seen.dns?.measured
  const name = clean(measured?.name ?? '') || hostOf(target)
  const answers = measured?.answers ?? []
  const without = answers.filter(({ addresses, error }) => error !== undefined || addresses.length === 0)
  const named = [...without, ...answers].map(({ resolver }) => resolver)
  const resolvers = [...new Set([...named, measured?.resolver ?? ''])]
  const plain = resolvers.filter(resolver => isPlain(splitResolver(resolver).host) && resolver !== 'system')
  return {
    name,
    asked: plain[0] === undefined ? 'the resolver of this system' : `resolver ${plain[0]}`,
    refused: without.length > 0 && without.every(({ error }) => error === 'ECONNREFUSED'),
    said: sayDifference(answers.filter(({ addresses }) => addresses.length > 0)),
    evidence: answers.map(sayAnswer),
    fixes: isPlain(name) ? buildFixes(name, measured?.recordType ?? 'A', plain) : [],
    next: isPlain(name) && plain[0] !== undefined ? `${buildRun({ host: name }, 'dns')} --resolver ${plain[0]}` : buildRun(target, 'dns'),
  }
}

/** "10.0.0.2 says …, 10.1.0.2 says …"; nothing when all say the same. */
const sayDifference = (answers: DnsAnswer[]): string | undefined => {
  const texts = answers.map(({ addresses }) => sayList(addresses.map(clean).toSorted()))
  if (new Set(texts).size < 2) return undefined
  return sayList(answers.slice(0, 4).map(({ resolver }, index) => `${clean(resolver)} says ${texts[index]}`))
}

const saySummary = (reason: FailReason, { name, asked, refused, said }: ReturnType<typeof describe>): string => {
  const resolver = asked
  if (refused) return `${capital(resolver)} refuses questions about ${name}: nothing listens there, so nothing else could work.`
  if (reason === 'dns_timeout') return `${capital(resolver)} does not answer for ${name}, so nothing else could work.`
  if (reason === 'dns_server_failure') return `${capital(resolver)} answers with an error for ${name}, so nothing else could work.`
  if (reason === 'dns_mismatch' && said !== undefined)
    return `The resolvers do not agree on ${name}: ${said}, so who asks the wrong one talks to the wrong host.`
  if (reason === 'dns_mismatch')
    return `${name} resolves to another address than it should at ${resolver}, so everything after it talks to the wrong host.`
  return `${name} has no address at ${resolver}: the name is wrong, or its zone is not visible from here.`
}

const dnsReasons: readonly FailReason[] = ['dns_not_found', 'dns_timeout', 'dns_server_failure', 'dns_mismatch']

/** The name is not resolved, or wrongly: nothing after it can be trusted. */
export const explainDns = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, dnsReasons)
  if (result === undefined) return undefined
  const reason = reasonOf(result)!
  const found = describe(seen, result.target)
  const { asked, said, evidence, fixes, next } = found
  return buildDiagnosis('dns_broken', {
    confidence: reason === 'dns_timeout' ? 'likely' : 'certain',
    summary: saySummary(reason, found),
    evidence: listFacts(sayDetail(result), ...evidence),
    against: listFacts(
      reason === 'dns_timeout' && `silence is not proof: the way to ${asked} may be cut while it works itself`,
      reason === 'dns_mismatch' && said !== undefined && 'balancers that answer by place give different addresses on purpose',
    ),
    fixes,
    next,
  })
}

/** Two resolvers disagree, and nothing failed for it yet: split horizon by intent, or a zone missing on one side. */
export const explainResolversDiffer = (seen: Seen): Diagnosis | undefined => {
  if (!warned(seen.dns, 'resolvers_differ') || openReason(seen, 'dns') !== undefined) return undefined
  const { name, evidence, fixes, next } = describe(seen, seen.target)
  const detail = seen.dns!.warnings.find(({ code }) => code === 'resolvers_differ')!.detail
  return buildDiagnosis('dns_broken', {
    confidence: 'possible',
    summary: `The resolvers do not agree on ${name}, so what works here may fail where another resolver is used.`,
    evidence: listFacts(clean(detail) || warningTexts.resolvers_differ, ...evidence),
    against: ['balancers that answer by place, and private zones, give different answers on purpose'],
    fixes,
    next,
  })
}
