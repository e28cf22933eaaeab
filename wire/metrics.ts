/** The metrics of an agent: the only file that knows their names, units and attributes. What measures them knows the keys of these tables. */

/** `sum`: a count of things. `gauge`: the last value seen. `times`: durations, kept as a histogram and three quantiles. */
export type Form = 'sum' | 'gauge' | 'times'
export type Measure = {
  readonly name: string
  readonly unit: string
  readonly form: Form
  /** The attributes that tell the series of one path apart. */
  readonly by: readonly string[]
  readonly help: string
  /** The gauge that has the quantiles of the window, where they are sent over OTLP. */
  readonly quantileGauge?: string
  /** On the page for Prometheus: with quantiles, or not at all unless details are asked for. */
  readonly page?: 'quantiles' | 'details'
}

export const pathMeasures = {
  runs: {
    name: 'causeway.probe.runs',
    unit: '{run}',
    form: 'sum',
    by: ['causeway.outcome', 'error.type'],
    help: 'Runs of a check on a target, by what came of them',
  },
  duration: { name: 'causeway.probe.duration', unit: 's', form: 'times', by: [], help: 'How long a run took' },
  phase: {
    name: 'causeway.probe.phase.duration',
    unit: 's',
    form: 'times',
    by: ['causeway.phase'],
    help: 'How long a part of a run took',
    page: 'details',
  },
  rtt: {
    name: 'causeway.probe.rtt',
    unit: 's',
    form: 'times',
    by: [],
    help: 'Round-trip time, by the clock of the kernel; quantiles are of the last window',
    quantileGauge: 'causeway.probe.rtt_quantile',
    page: 'quantiles',
  },
  icmpPackets: {
    name: 'causeway.icmp.packets',
    unit: '{packet}',
    form: 'sum',
    by: ['causeway.state'],
    help: 'Echoes, by what became of them',
  },
  udpPackets: {
    name: 'causeway.udp.packets',
    unit: '{packet}',
    form: 'sum',
    by: ['causeway.direction', 'causeway.state'],
    help: 'Datagrams, by direction and what became of them; of the far end only what its responder told',
  },
  tcpSegments: {
    name: 'causeway.tcp.segments',
    unit: '{segment}',
    form: 'sum',
    by: ['causeway.direction'],
    help: 'TCP segments sent; reverse: by the responder, in a transfer',
  },
  tcpRetransmits: {
    name: 'causeway.tcp.retransmits',
    unit: '{segment}',
    form: 'sum',
    by: ['causeway.direction'],
    help: 'TCP segments sent again; reverse: by the responder, in a transfer',
  },
  tcpSynRetransmits: { name: 'causeway.tcp.syn_retransmits', unit: '{segment}', form: 'sum', by: [], help: 'SYNs sent again' },
  pathMtu: {
    name: 'causeway.path.mtu',
    unit: 'By',
    form: 'gauge',
    by: ['causeway.direction'],
    help: 'The largest IP packet that gets through',
  },
  outage: {
    name: 'causeway.path.outage.duration',
    unit: 's',
    form: 'times',
    by: [],
    help: 'How long nothing answered, of each outage that has ended, to the interval of the check',
    page: 'details',
  },
  certificateNotAfter: {
    name: 'causeway.tls.certificate.not_after',
    unit: 's',
    form: 'gauge',
    by: [],
    help: 'When the first certificate of the chain as sent ends, in Unix time',
  },
  certificateLifetime: {
    name: 'causeway.tls.certificate.lifetime',
    unit: 's',
    form: 'gauge',
    by: [],
    help: 'How long the certificate that ends first lives in all: what its end is measured by',
    page: 'details',
  },
  spiffeValidations: {
    name: 'causeway.spiffe.validations',
    unit: '{validation}',
    form: 'sum',
    by: ['causeway.trust_domain', 'error.type'],
    help: 'Identities of peers held against the SPIFFE rules',
  },
  svidNotAfter: {
    name: 'causeway.spiffe.svid.not_after',
    unit: 's',
    form: 'gauge',
    by: [],
    help: "When the peer's SVID ends, in Unix time",
  },
  federationExchanges: {
    name: 'causeway.federation.exchanges',
    unit: '{exchange}',
    form: 'sum',
    by: ['causeway.cloud', 'error.type'],
    help: 'Tokens of ours exchanged for credentials of a cloud, or why they were not',
  },
  svidLifetime: {
    name: 'causeway.spiffe.svid.lifetime',
    unit: 's',
    form: 'gauge',
    by: [],
    help: "How long the peer's SVID lives in all: what its renewal is measured by",
    page: 'details',
  },
  bundleSequence: {
    name: 'causeway.spiffe.bundle.sequence',
    unit: '{sequence}',
    form: 'gauge',
    by: [],
    help: 'Sequence number of the trust bundle that is published',
  },
  pathHops: {
    name: 'causeway.path.hops',
    unit: '{hop}',
    form: 'gauge',
    by: ['causeway.direction'],
    help: 'Hops to the target; reverse: that its answers have behind them, by the TTL that is left',
  },
} as const satisfies Record<string, Measure>

/** Of the agent itself, without the attributes of a path. */
export const selfMeasures = {
  scheduleDelay: {
    name: 'causeway.agent.schedule.delay',
    unit: 's',
    form: 'times',
    by: [],
    help: 'How late runs started',
    page: 'quantiles',
  },
  loopDelay: {
    name: 'causeway.agent.loop.delay',
    unit: 's',
    form: 'times',
    by: [],
    help: 'How late the event loop was',
    page: 'quantiles',
  },
  runsSkipped: {
    name: 'causeway.agent.runs.skipped',
    unit: '{run}',
    form: 'sum',
    by: ['causeway.reason'],
    help: 'Runs that did not start when they were due',
  },
  spoolBytes: { name: 'causeway.agent.spool.bytes', unit: 'By', form: 'gauge', by: [], help: 'Bytes of the spool on disk' },
  windowsDropped: {
    name: 'causeway.agent.windows.dropped',
    unit: '{window}',
    form: 'sum',
    by: ['causeway.reason', 'causeway.endpoint'],
    help: 'Windows of paths, and events, that were given up before they were delivered',
  },
  exportRequests: {
    name: 'causeway.agent.export.requests',
    unit: '{request}',
    form: 'sum',
    by: ['causeway.endpoint', 'error.type'],
    help: 'Requests to OTLP endpoints',
  },
  configRejections: {
    name: 'causeway.agent.config.rejections',
    unit: '{rejection}',
    form: 'sum',
    by: ['error.type'],
    help: 'Configurations that were refused, the running one kept',
  },
  assignmentGeneration: {
    name: 'causeway.agent.assignment.generation',
    unit: '{generation}',
    form: 'gauge',
    by: [],
    help: 'Generation of the assignment that is running',
  },
  clockError: {
    name: 'causeway.agent.clock.error',
    unit: 's',
    form: 'gauge',
    by: [],
    help: 'How wrong the clock may be, as the kernel says',
  },
} as const satisfies Record<string, Measure>

export type PathMeasure = keyof typeof pathMeasures
export type SelfMeasure = keyof typeof selfMeasures
const measures: Readonly<Record<string, Measure>> = { ...pathMeasures, ...selfMeasures }

/** The measure of a key; undefined for one that only another version of this program knows. */
export const measureOf = (key: string): Measure | undefined => (Object.hasOwn(measures, key) ? measures[key] : undefined)

/** Where too many values of an attribute end up (OpenTelemetry's own word for it in `error.type`). */
export const otherVariant = '_OTHER'
export const quantiles = [0.5, 0.95, 0.99] as const
export const quantileAttribute = 'causeway.quantile'

/** The attributes of a series beside those of its path. An empty value is an absent attribute. */
export const variantAttributes = ({ by }: Measure, variant: readonly string[]): Record<string, string> =>
  Object.fromEntries(by.flatMap((name, place) => (variant[place] ? [[name, variant[place]]] : [])))
