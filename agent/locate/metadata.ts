/**
 * What a cloud's own metadata service says of where this machine stands. Only that of the cloud whose hardware this is, by what the firmware says (DMI), is asked:
 * elsewhere the address may be anybody's.
 */
import type { Place } from '../path.ts'
import { ask, type Question } from './ask.ts'
import { regionOfZone } from './place-of-node.ts'

export const vendors = ['aws', 'azure', 'gcp'] as const
export type Vendor = (typeof vendors)[number]

/** The same address in all three clouds, link-local (RFC 3927). */
export const metadataUrl = 'http://169.254.169.254'

/** Of the machine's firmware, which a container sees as well. Azure's asset tag is the one that Microsoft documents, since Hyper-V elsewhere has the same vendor. */
export const vendorOf = (read: (path: string) => string): Vendor | undefined => {
  const of = (name: string): string => {
    try {
      return read(`/sys/class/dmi/id/${name}`).trim()
    } catch {
      return ''
    }
  }
  if (/^amazon ec2$/i.test(of('sys_vendor')) || /amazon/i.test(of('bios_vendor'))) return 'aws'
  if (of('chassis_asset_tag') === '7783-7084-3265-9085-8269-3286-77') return 'azure'
  if (/^google$/i.test(of('sys_vendor')) && /google compute engine/i.test(of('product_name'))) return 'gcp'
  return undefined
}

type Ask = (question: Question) => Promise<string | undefined>

const word = (text: unknown): string | undefined => (typeof text === 'string' && /^[\w-]{1,64}$/.test(text) ? text : undefined)

/** EC2, IMDSv2 (session tokens): a pod is one hop too far unless the instance's hop limit says otherwise, and then the token does not arrive. */
const askAws = async (base: string, ask: Ask): Promise<Place | undefined> => {
  const token = await ask({ url: `${base}/latest/api/token`, method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } })
  if (token === undefined) return undefined
  const of = async (name: string) =>
    word(await ask({ url: `${base}/latest/meta-data/placement/${name}`, headers: { 'x-aws-ec2-metadata-token': token } }))
  const [region, zone] = await Promise.all([of('region'), of('availability-zone')])
  return !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region ?? '') ? undefined : { cloud: 'aws', region: region!, ...(zone !== undefined && { zone }) }
}

/** Azure Instance Metadata Service: the zone is a number, and AKS writes it behind the region. */
const askAzure = async (base: string, ask: Ask): Promise<Place | undefined> => {
  const text = await ask({ url: `${base}/metadata/instance/compute?api-version=2021-02-01`, headers: { metadata: 'true' } })
  const { location, zone } = parse(text)
  const region = word(location)
  if (region === undefined) return undefined
  return { cloud: 'azure', region, ...(word(zone) !== undefined && { zone: `${region}-${word(zone)}` }) }
}

/** Google Compute Engine: `projects/123/zones/us-central1-a`. */
const askGcp = async (base: string, ask: Ask): Promise<Place | undefined> => {
  const text = await ask({ url: `${base}/computeMetadata/v1/instance/zone`, headers: { 'metadata-flavor': 'Google' } })
  const zone = word(text?.trim().split('/').at(-1))
  const region = zone && regionOfZone('gcp', zone)
  return region ? { cloud: 'gcp', region, zone } : undefined
}

const parse = (text: string | undefined): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const asking = { aws: askAws, azure: askAzure, gcp: askGcp } as const satisfies Record<Vendor, unknown>

/** Undefined when it does not answer, or not as that cloud does. Never rejects. */
export const askMetadata = (vendor: Vendor, signal: AbortSignal, base = metadataUrl): Promise<Place | undefined> =>
  asking[vendor](base, question => ask(question, signal))
