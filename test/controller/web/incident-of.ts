/** An incident as the evaluation keeps it. */
import type { Incident } from '../../../controller/alert/incident.ts'
import { putIncident } from '../../../controller/store/incidents.ts'
import type { Store } from '../../../controller/store/store.ts'
import { startMs } from './api.ts'

export const incident = (id: string, more: Partial<Incident> = {}): Incident => ({
  id,
  key: `reach:link:aws/us-east-1>azure/eastus:${id}`,
  placeText: 'aws/us-east-1 → azure/eastus',
  layer: 'reach',
  severity: 'page',
  rules: ['default/unreachable'],
  cause: 'host_down',
  what: 'host_down',
  title: 'aws/us-east-1 → azure/eastus: nothing of the host answers',
  sinceMs: startMs,
  isFiring: true,
  subjects: ['a mesh agent/b ipv4'],
  impact: '3 of 3 paths, 1 agent',
  evidence: ['3 of 3 paths fail: tcp_timeout ×3'],
  against: [],
  changed: [],
  fixes: [],
  next: 'probe check --from aws/us-east-1 --to azure/eastus',
  runbook: 'host_down',
  checks: ['mesh'],
  targets: ['agent/b'],
  agents: ['a'],
  from: ['aws/us-east-1'],
  to: ['azure/eastus'],
  owners: [],
  state: 'open',
  formedMs: startMs,
  openedMs: startMs + 30_000,
  endedMs: null,
  version: 1,
  isTold: true,
  toldMs: startMs + 30_000,
  said: '',
  isSilenced: false,
  timeline: [{ atMs: startMs, kind: 'formed', text: 'x' }],
  ...more,
})

export const keepIncident = async (store: Store, body: Incident): Promise<void> => {
  const { id, key, state, severity, formedMs, endedMs } = body
  await store.write(sql => putIncident(sql, { id, key, state, severity, formedMs, endedMs, body }))
}
