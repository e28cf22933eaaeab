/** What the plan knows of an agent. */
import type { Scope } from '../../wire/fleet.ts'
import type { Location } from '../fleet/select.ts'

/** Where its responder is reached. `ports` differ from the responder's own behind a NodePort or a balancer. */
export type Advertised = { scope: Scope; host: string; ports?: { [S in Service]?: number } }
/** What the responder offers: echo (TCP and UDP), TLS, mutual TLS. */
export type Service = 'echo' | 'tls' | 'mtls'
export const defaultPorts: { readonly [S in Service]: number } = { echo: 7460, tls: 7461, mtls: 7462 }

export type LiveAgent = {
  id: string
  location: Location
  labels?: Readonly<Record<string, string>>
  advertise: readonly Advertised[]
  /** The ports that its responder has open; undefined: nothing is known of it, so all of them. */
  serves?: readonly Service[]
  /** The SPIFFE ID that its responder has. */
  spiffeId?: string
  /** Runs as this workload and takes only checks that name it. */
  runner?: { namespace: string; serviceAccount: string }
  /** Gets no paths and is nobody's target. */
  cordoned?: boolean
  draining?: boolean
}

export const isEligible = ({ cordoned, draining }: LiveAgent): boolean => !cordoned && !draining
export const byId = (a: LiveAgent, b: LiveAgent): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
