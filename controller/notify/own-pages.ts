/** Pages that are of no incident. */
import type { Page } from '../../wire/page.ts'

const nothing = { cause: null, layer: null, evidence: [], against: [], changed: [], fixes: [], runbook: '', labels: {}, links: [] } as const

/** What `probe alerts test` sends. `since` is now: nothing is wrong. */
export const testPage = (receiver: string, askedBy: string, id: string, nowMs: number): Page => ({
  ...{ key: `test/${id}`, incident: id, title: `Test of the receiver ${receiver}: nothing is wrong`, severity: 'ticket', state: 'firing' },
  ...{ place: 'controller', since: nowMs, detectedAt: nowMs, impact: `none; asked for by ${askedBy}` },
  next: 'nothing to do',
  ...nothing,
  ...{ evidence: [], against: [], changed: [], fixes: [], labels: {}, links: [] },
})

/** What is said for as long as all is well; `controller` is whose alerts are judged. */
export const watchdogPage = (nowMs: number): Page => ({
  ...{
    key: 'watchdog',
    incident: 'watchdog',
    title: 'Alerts are being judged: raise the alarm when this stops',
    severity: 'ticket',
    state: 'firing',
  },
  ...{ place: 'controller', since: nowMs, detectedAt: nowMs, impact: 'none', next: 'nothing to do' },
  ...nothing,
  ...{ evidence: [], against: [], changed: [], fixes: [], labels: {}, links: [] },
})
