/**
 * Where this agent stands, when nobody has said so: by the Node that it runs on (its labels and providerID, which takes the right to `get nodes`), else by the
 * cloud's metadata service. Not knowing is no fault: the agent starts, and its paths have no place.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../path.ts'
import { ask } from './ask.ts'
import { askMetadata, metadataUrl, vendorOf } from './metadata.ts'
import { type NodeObject, placeOfNode } from './place-of-node.ts'

export type Found = { place: Place; by: 'node' | 'metadata' }

export type Locating = {
  environment: Readonly<Record<string, string | undefined>>
  /** Kubernetes node. */
  node?: string
  read?: (path: string) => string
  metadata?: string
}

/** As it is mounted into every pod that does not opt out (Kubernetes "Accessing the API from a Pod"). */
const mounted = '/var/run/secrets/kubernetes.io/serviceaccount'
const readText = (path: string): string => readFileSync(path, 'utf8')

/** Takes two seconds at most. Never rejects. */
export const locate = async (locating: Locating, signal: AbortSignal): Promise<Found | undefined> => {
  const { read = readText, metadata = metadataUrl } = locating
  const byNode = await askNode(locating, read, signal)
  if (byNode) return { place: byNode, by: 'node' }
  const vendor = vendorOf(read)
  const place = vendor && (await askMetadata(vendor, signal, metadata))
  return place && { place, by: 'metadata' }
}

const askNode = async (
  { environment, node }: Locating,
  read: (path: string) => string,
  signal: AbortSignal,
): Promise<Place | undefined> => {
  const [host, port = '443'] = [environment['KUBERNETES_SERVICE_HOST'], environment['KUBERNETES_SERVICE_PORT']]
  if (!host || !node) return undefined
  try {
    const headers = { authorization: `Bearer ${read(join(mounted, 'token')).trim()}`, accept: 'application/json' }
    const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}/api/v1/nodes/${encodeURIComponent(node)}`
    const text = await ask({ url, headers, ca: read(join(mounted, 'ca.crt')) }, signal)
    return text === undefined ? undefined : placeOfNode(JSON.parse(text) as NodeObject)
  } catch {
    // No token is mounted, or what came is no JSON: it is looked for elsewhere.
    return undefined
  }
}
