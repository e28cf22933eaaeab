/** Where a Kubernetes node stands, by what the API server knows of it. Pure. */
import type { Place } from '../path.ts'

export type NodeObject = { metadata?: { labels?: Record<string, unknown> }; spec?: { providerID?: unknown } }

/** Schemes of `spec.providerID`, as each cloud's controller manager writes them. */
const cloudOfScheme: Readonly<Record<string, string>> = { aws: 'aws', azure: 'azure', gce: 'gcp' }

/**
 * Region and zone from the well-known labels (Kubernetes "Well-Known Labels, Annotations and Taints"), the cloud from the providerID, whose path has the zone
 * where a label is missing: `aws:///us-east-1a/i-0abc`, `gce://project/us-central1-a/name`. Undefined without a cloud and a region.
 */
export const placeOfNode = ({ metadata, spec }: NodeObject): Place | undefined => {
  const [, scheme = '', path = ''] = /^([a-z]+):\/\/(.*)$/.exec(wordOf(spec?.providerID, 512) ?? '') ?? []
  const cloud = Object.hasOwn(cloudOfScheme, scheme) ? cloudOfScheme[scheme] : undefined
  const parts = path.split('/').filter(Boolean)
  const labels = metadata?.labels ?? {}
  const zone =
    wordOf(labels['topology.kubernetes.io/zone']) ?? (cloud === 'aws' ? parts.at(-2) : cloud === 'gcp' ? parts.at(-2) : undefined)
  const region = wordOf(labels['topology.kubernetes.io/region']) ?? (cloud && zone ? regionOfZone(cloud, zone) : undefined)
  if (cloud === undefined || region === undefined) return undefined
  return { cloud, region, ...(zone !== undefined && isZone(zone) && { zone }) }
}

/** `us-east-1a` → `us-east-1` on AWS, `us-central1-a` → `us-central1` on Google Cloud. Undefined for what has another form. */
export const regionOfZone = (cloud: string, zone: string): string | undefined => {
  if (cloud === 'aws') return /^([a-z]{2}(?:-[a-z]+)+-\d)[a-z]$/.exec(zone)?.[1]
  if (cloud === 'gcp') return /^([a-z]+-[a-z]+\d+)-[a-z]$/.exec(zone)?.[1]
  return undefined
}

/** AKS gives nodes outside a zone the fault domain instead: a bare number. */
const isZone = (zone: string): boolean => !/^\d+$/.test(zone)

const wordOf = (value: unknown, most = 128): string | undefined =>
  typeof value === 'string' && value.length <= most && /^[\w.:/-]+$/.test(value) ? value : undefined
