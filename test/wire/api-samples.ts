/** Messages between agents and controllers, whole and as short as they may be: what either side of another version must be able to read. */
import {
  acknowledgementSchema,
  assignmentMessageSchema,
  drainMessageSchema,
  resultsMessageSchema,
  runMessageSchema,
} from '../../wire/api/assignments.ts'
import { credentialAnswerSchema, enrolRequestSchema, renewRequestSchema } from '../../wire/api/enrol.ts'
import type { Schema } from '../../wire/read.ts'

const target = {
  name: 'agent/eks.n1/mtls',
  address: '[2001:db8::1]:7462',
  location: 'aws/us-east-1/a',
  agentId: 'eks.n1',
  expectId: 'spiffe://td.example/agent',
  tls: { sni: 'x.example', alpn: ['h2'] },
}
const check = {
  name: 'mesh-tcp',
  kind: 'tcp',
  every: '10s',
  timeout: '2s',
  options: { payload: '64KiB' },
  targets: ['agent/eks.n1/mtls'],
  as: 'agent',
}

export const samples: Readonly<Record<string, { schema: Schema; messages: readonly object[] }>> = {
  enrolRequest: {
    schema: enrolRequestSchema,
    messages: [
      { proof: { kind: 'spiffe' } },
      { proof: { kind: 'join', token: 'cwj_x' } },
      {
        proof: { kind: 'kubernetes', token: 'a.b.c' },
        claimed: { id: 'eks.n1', cloud: 'aws', region: 'us-east-1', zone: 'a', cluster: 'eks', node: 'n1' },
        runner: true,
        labels: { tier: 'edge' },
        advertise: [{ scope: 'node', host: '192.0.2.7', ports: { echo: 30_460, tls: 30_461, mtls: 30_462 } }],
        details: { version: '1.2.3', boot: 'b', spiffeId: 'spiffe://td.example/agent', serves: ['echo', 'tls', 'mtls'] },
      },
    ],
  },
  renewRequest: {
    schema: renewRequestSchema,
    messages: [{}, { labels: { a: 'b' }, advertise: [{ scope: 'pod', host: '10.0.0.1' }], details: {} }],
  },
  credentialAnswer: {
    schema: credentialAnswerSchema,
    messages: [
      {
        agentId: 'eks.n1',
        credential: 'x',
        expiresAt: '2026-11-22T09:00:00.000Z',
        location: { cloud: 'aws', region: 'us-east-1', zone: 'a' },
      },
    ],
  },
  assignmentMessage: {
    schema: assignmentMessageSchema,
    messages: [
      { revision: 'r1', generation: 0, targets: [], checks: [] },
      { revision: 'r2', generation: 7, targets: [target], checks: [check], probesPerSecond: 100 },
    ],
  },
  runMessage: { schema: runMessageSchema, messages: [{ id: 'run-1', withinMs: 30_000, targets: [target], checks: [check] }] },
  drainMessage: { schema: drainMessageSchema, messages: [{ afterMs: 1500 }] },
  acknowledgement: {
    schema: acknowledgementSchema,
    messages: [
      { revision: 'r2', generation: 7, outcome: 'running' },
      { revision: 'r2', generation: 7, outcome: 'refused', problems: ['checks[0]: refused'], paths: 0 },
    ],
  },
  resultsMessage: {
    schema: resultsMessageSchema,
    messages: [{ results: [] }, { results: [{ kind: 'tcp', outcome: { kind: 'ok' }, check: 'mesh-tcp' }], problems: ['no'], done: false }],
  },
}
