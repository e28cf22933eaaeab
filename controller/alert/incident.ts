/** What an incident is: one fault at one place, from its first bad window to its last word. Data only. */
import type { Cause, Fix, Layer, PathDirection } from '../../wire/causes.ts'
import type { Place } from '../localise/place.ts'
import type { IncidentState } from '../store/incidents.ts'

export const timelineKinds = ['formed', 'opened', 'changed', 'widened', 'joined', 'split', 'silenced', 'told', 'ended'] as const
export type TimelineEntry = { atMs: number; kind: (typeof timelineKinds)[number]; text: string }

/** What is known of it now; all of it may change while it goes on. */
export type Finding = {
  /** Made of place and layer, or of what it is where no place has it. */
  key: string
  place?: Place
  placeText: string
  layer: Layer | null
  severity: 'page' | 'ticket'
  rules: string[]
  cause: Cause | null
  /** What it is called where there is no cause of the list: `agent_lost`, `blind`. */
  what: string
  /** How many of its subjects say the cause themselves; absent where none of them do. */
  toldBy?: number
  /** Most of it is well again, and only waits for its end: what is said now is about the repair. */
  isHealing?: boolean
  /** Some of it is. */
  isPartlyWell?: boolean
  direction?: PathDirection
  title: string
  sinceMs: number
  /** One of its subjects has been bad for as long as its rule wants. */
  isFiring: boolean
  /** Paths by id, or what else is bad: a link and its rule, an agent. */
  subjects: string[]
  impact: string
  evidence: string[]
  against: string[]
  runnerUp?: string
  changed: string[]
  fixes: Fix[]
  next: string
  runbook: string
  checks: string[]
  targets: string[]
  agents: string[]
  from: string[]
  to: string[]
  /** The two ends of each path, as regions; absent where it is not about paths. */
  links?: [from: string, to: string][]
  owners: string[]
}

export type Incident = Finding & {
  id: string
  state: IncidentState
  formedMs: number
  openedMs: number | null
  endedMs: number | null
  /** Why it ended. */
  end?: string
  /** Grows with what is said of it. */
  version: number
  /** Its first word has been said. */
  isTold: boolean
  toldMs: number
  /** What was said last, so that the same is not said again. */
  said: string
  isSilenced: boolean
  /** The most that have told its cause. */
  causeBy?: number
  /** Since when fewer say something else. */
  weakerMs?: number
  /** What was in it when it was at its widest. */
  worst?: { subjects: number; impact: string }
  timeline: TimelineEntry[]
}

export type SubjectState = 'bad' | 'well' | 'gone'
export type Word = { incident: Incident; event: 'firing' | 'updated' | 'resolved' }

/** What a finding says where there is nothing to say. */
export const nothingFound: Omit<
  Finding,
  | 'key'
  | 'placeText'
  | 'layer'
  | 'severity'
  | 'rules'
  | 'what'
  | 'title'
  | 'sinceMs'
  | 'isFiring'
  | 'subjects'
  | 'impact'
  | 'evidence'
  | 'next'
  | 'runbook'
> = {
  cause: null,
  against: [],
  changed: [],
  fixes: [],
  checks: [],
  targets: [],
  agents: [],
  from: [],
  to: [],
  owners: [],
}
