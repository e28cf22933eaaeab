/** What the routes have of the controller around them, as arguments: `controller.ts` puts the parts together. */
import type { FastifyBaseLogger } from 'fastify'
import type { X509Bundles } from '../../judge/spiffe/x509-svid.ts'
import type { Assigning } from '../assign/assigning.ts'
import type { IssuerKeys } from '../enrol/issuer-keys.ts'
import type { Provider } from '../enrol/person.ts'
import type { Signer } from '../enrol/signer.ts'
import type { TokenReview } from '../enrol/token-review.ts'
import type { Exporting } from '../export/start.ts'
import type { FleetReader } from '../fleet/current.ts'
import type { Location } from '../fleet/select.ts'
import type { HistoryRow } from '../history/query.ts'
import type { HistoryQuestion } from '../history/question.ts'
import type { IngestWorker } from '../ingest/start.ts'
import type { Counters } from '../metrics.ts'
import type { Delivering } from '../notify/delivery.ts'
import type { Store } from '../store/store.ts'

export type HistoryReader = { query(question: HistoryQuestion): Promise<HistoryRow[]> }

export type Parts = {
  store: Store
  nowMs: () => number
  random: (bytes: number) => Uint8Array
  log: FastifyBaseLogger
  version: string
  counters: Counters
  signer: Signer
  keys: IssuerKeys
  provider?: Provider
  fleet: FleetReader
  /** X.509 authorities of the fleet's trust domains. */
  bundles: () => X509Bundles
  /** Of the cluster that the controller runs in, if it runs in one. */
  review?: TokenReview
  /** SHA-256 of the controller's own authority, where it has one: what join tokens carry. */
  caPin?: string
  ingest: Pick<IngestWorker, 'receive'>
  /** The paths' part of the page for Prometheus. */
  exporting?: Pick<Exporting, 'page'>
  /** Rows by group and time, of whichever resolution is kept for so long ago: `asQuery` says what a question means. */
  history: HistoryReader
  /** Where this controller runs: what telemetry costs is counted on the way there. */
  location?: Location
  assigning: Assigning
  notifying: Pick<Delivering, 'test'>
  /** How often a stream that has nothing to say says so; else as the agents expect it. */
  streamHeartbeatMs?: number
  /** Why it is not ready; nothing when it is. */
  problems: () => Promise<readonly string[]>
  /** Aborted when the controller begins to end. */
  ending: AbortSignal
}
