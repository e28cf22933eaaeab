/** The rules that ship on, in one table: what the evaluation, the documentation and the exported Prometheus rules all read. */
import type { defaultRules } from '../../wire/fleet-alerts.ts'

export type RuleName = keyof typeof defaultRules
export type RuleSeverity = 'page' | 'ticket'
/** What is judged: each path, each link (region to region), each agent, or each target. */
export type RuleScope = 'path' | 'link' | 'agent' | 'target'
export type DefaultRule = {
  readonly scope: RuleScope
  readonly severity: RuleSeverity
  readonly for: string
  readonly keepFiringFor: string
  /** `bad` of `of` windows that are known make it pending; `good` in a row end it. */
  readonly bad: number
  readonly of: number
  readonly good: number
  readonly why: string
  /** In docs/runbooks/, where no cause is known. */
  readonly runbook: string
}

/** Of windows of 10 s: one bad one is nothing, and neither is one good one (reference: hysteresis of SRE practice, 3 of 5). */
const usual = { for: '1m', keepFiringFor: '2m', bad: 3, of: 5, good: 5 } as const
/** Of probes that prove what they say by trying again themselves, and run every few minutes. */
const proven = { for: '0s', keepFiringFor: '0s', bad: 1, of: 1, good: 1 } as const
/** Of identities and certificates: a second run has to agree. */
const agreed = { for: '0s', keepFiringFor: '1m', bad: 2, of: 3, good: 2 } as const
/** Of ratios, which are judged when enough was counted: that is their window. */
const counted = { for: '0s', keepFiringFor: '0s', bad: 1, of: 1, good: 1 } as const

export const ruleTable: { readonly [N in RuleName]: DefaultRule } = {
  'default/unreachable': {
    scope: 'path',
    severity: 'page',
    ...usual,
    why: 'Nothing of the target answers: whoever depends on it is cut off. Silent ICMP beside a TCP that works is not this.',
    runbook: 'host_down',
  },
  'default/loss-now': {
    scope: 'link',
    severity: 'ticket',
    ...counted,
    for: '1m',
    keepFiringFor: '2m',
    bad: 2,
    of: 3,
    good: 3,
    why: 'TCP collapses well before 5 % of loss. Judged on at least 200 packets of which ten were lost, so that no burst of one second is it.',
    runbook: 'packet_loss',
  },
  'default/loss-ratio': {
    scope: 'link',
    severity: 'ticket',
    ...counted,
    why: 'At 0.1 % a long-distance TCP connection loses a large part of its rate. Judged on 3,000 packets: fewer cannot tell 0.1 % from 0.03 %; on more, up to ten times as many, where it may be chance. Links over the internet are held against twice their own history.',
    runbook: 'packet_loss',
  },
  'default/latency': {
    scope: 'path',
    severity: 'ticket',
    for: '0s',
    keepFiringFor: '5m',
    bad: 2,
    of: 3,
    good: 2,
    why: "The slow twentieth is what users feel. Against the path's own same hours of the days before, and at least 5 ms more, on at least 30 samples; or above the objective of the link.",
    runbook: 'congestion',
  },
  'default/retransmits': {
    scope: 'link',
    severity: 'ticket',
    ...counted,
    why: 'More than 1 % of segments sent again is loss that ICMP may not see. Judged on at least 1,000 segments and ten retransmissions, and on more where it may be chance.',
    runbook: 'packet_loss',
  },
  'default/path-mtu': {
    scope: 'path',
    severity: 'ticket',
    ...proven,
    why: 'A path that carries less than it did goes another way, or through another tunnel: what relied on the former size breaks next.',
    runbook: 'mss_not_clamped',
  },
  'default/black-hole': {
    scope: 'path',
    severity: 'page',
    ...proven,
    why: 'Ping passes and connections hang: the fault that takes longest to find by hand. The probe has tried every size that was lost again before it says so.',
    runbook: 'path_mtu_black_hole',
  },
  'default/tls': {
    scope: 'path',
    severity: 'page',
    ...usual,
    why: 'The port is open and no session comes about: nothing above it works.',
    runbook: 'service_silent',
  },
  'default/certificate': {
    scope: 'path',
    severity: 'page',
    ...agreed,
    why: 'Clients that verify refuse this service now.',
    runbook: 'certificate_untrusted',
  },
  'default/identity': {
    scope: 'path',
    severity: 'page',
    ...agreed,
    why: 'Workloads that authenticate each other are refused, or one that should not be let in is. A refusal by policy alone (authorization_denied) is no fault unless the check says expectAuthorized.',
    runbook: 'peer_rejects_our_identity',
  },
  'default/certificate-expiry': {
    scope: 'path',
    severity: 'ticket',
    ...proven,
    why: '30, 14 and 7 days are enough for people; a certificate that lives shorter is held against a third, a sixth and a twelfth of its life. It pages from the last of the three on.',
    runbook: 'expiry',
  },
  'default/svid-rotation': {
    scope: 'path',
    severity: 'ticket',
    ...proven,
    why: 'SPIRE renews at half of the life. With less than 0.40 of it left renewal is late, with less than 0.25 it does not happen, and at 0.10 it pages.',
    runbook: 'certificate_rotation_stuck',
  },
  'default/bundle': {
    scope: 'path',
    severity: 'ticket',
    ...agreed,
    why: 'A peer without the newest authorities refuses whatever they sign next.',
    runbook: 'trust_bundle_misaligned',
  },
  'default/federation': {
    scope: 'path',
    severity: 'page',
    ...agreed,
    why: 'Workloads do not get the credentials of the other cloud.',
    runbook: 'federation_permission',
  },
  'default/http': {
    scope: 'path',
    severity: 'ticket',
    ...usual,
    why: 'The service answers, and not as it should: a matter of the service, not of the network.',
    runbook: 'http_wrong_answer',
  },
  'default/agent-lost': {
    scope: 'agent',
    severity: 'ticket',
    for: '0s',
    keepFiringFor: '0s',
    bad: 1,
    of: 1,
    good: 1,
    why: 'What it watched is watched by nobody. One is a ticket; half of a location, of two or more, pages. Nobody is lost in the first minute of a controller.',
    runbook: 'agent_lost',
  },
  'default/burn-rate': {
    scope: 'link',
    severity: 'page',
    ...counted,
    keepFiringFor: '2m',
    good: 2,
    why: 'The error budget of a month goes in two days (14.4 times too fast over an hour and five minutes) or in five (6 times, over six hours and half an hour). At least three failures: one loss in thirty runs is no fast burn.',
    runbook: 'burn_rate',
  },
  'default/slow-burn': {
    scope: 'link',
    severity: 'ticket',
    ...counted,
    keepFiringFor: '30m',
    good: 2,
    why: 'The budget goes as fast as it comes, over three days and over six hours: no minute of it is worth waking anybody, and it will be gone before the month is.',
    runbook: 'burn_rate',
  },
  'default/blind': {
    scope: 'link',
    severity: 'ticket',
    for: '10m',
    keepFiringFor: '1m',
    bad: 3,
    of: 5,
    good: 3,
    why: 'A link that nobody measures looks like a healthy one. Fewer than three measured paths, or than there are, for ten minutes.',
    runbook: 'blind',
  },
}
