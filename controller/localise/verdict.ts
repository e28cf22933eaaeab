/** What is known of one path now, and what it says when that is put together: the input and the output of `localise`. */
import type { Layer, PathDirection } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Kind } from '../../wire/result.ts'
import type { Place } from './place.ts'

export type PathVerdict = {
  path: string
  agent: string
  node?: string
  /** Whole: `aws/us-east-1/a`. */
  zone?: string
  /** `aws/us-east-1`. */
  region?: string
  cloud?: string
  target: string
  toAgent?: string
  toNode?: string
  toZone?: string
  toRegion?: string
  toCloud?: string
  /** The hub that the path runs through, where the mesh has one. */
  via?: string
  check: string
  kind: Kind
  family?: 4 | 6
  trustDomain?: string
  issuer?: string
  verdict: 'good' | 'bad' | 'unknown'
  layer?: Layer
  reason?: FailReason
  /** Which way packets were lost, where the agent could tell: `forward` is from agent to target. Absent: not known. */
  direction?: PathDirection
}

export type Fault = {
  place: Place
  layer: Layer
  /** Bad paths that the place explains. */
  explains: string[]
  /** Good paths within that place: what speaks against it. */
  against: string[]
  /** Paths within the place that nothing is known of. */
  unknown: number
  /** Of a target: the region for which alone it fails. */
  onlyFrom?: string
  /** Another place that explains nearly as much. */
  runnerUp?: Place
}

export type Localised = { faults: Fault[]; unexplained: string[] }
