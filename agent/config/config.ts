import type { Policy } from '../../judge/policy.ts'
import type { IdentityChoice } from '../../probes/identity/source.ts'
import type { Secret } from '../../wire/secret.ts'
import type { Path, Place } from '../path.ts'
import type { Endpoint } from '../send/endpoint.ts'

/** Where the responder is reached, and from how far. `ports` are those that differ from its own. */
export type Advertised = { scope: 'pod' | 'node' | 'loadBalancer'; host: string; ports?: { echo?: number; tls?: number; mtls?: number } }

export type Self = Partial<Place> & {
  id: string
  cluster?: string
  node?: string
  namespace?: string
  serviceAccount?: string
  runner: boolean
  /** Find out at the start whether a sidecar answers our connections. */
  checkInterception: boolean
  advertise: readonly Advertised[]
  /** For choosing agents in the controller's fleet file. */
  labels: Readonly<Record<string, string>>
}

/** The controller and what there is to prove to it who this agent is. */
export type ControllerConfig = {
  /** Without a path's last slash. */
  url: string
  caFile?: string
  /** A file is read when it is needed: after the first enrolment it may be gone. */
  joinToken?: { text: Secret } | { file: string }
  tokenFile?: string
  spiffe: boolean
}

export type ResponderConfig = { bind: readonly string[]; tcp: number; udp: number; tls: number; mtls: number }

/** Everything an agent knows before it starts, complete and frozen. A reload makes another one. */
export type AgentConfig = {
  self: Self
  identity: IdentityChoice
  /** Those that say where the tokens of clouds are; absent: none. */
  variables?: Readonly<Record<string, string>>
  controller?: ControllerConfig
  paths: readonly Path[]
  probesPerSecond?: number
  responder?: ResponderConfig
  endpoints: readonly Endpoint[]
  data: string
  spoolLimitBytes: number
  listen?: { host: string; port: number }
  policy: Policy
  /** Where the policy was read from, to notice when it changes. */
  policyFile?: string
  /** What is worth a word in the log and no mistake. */
  notes: readonly string[]
}
