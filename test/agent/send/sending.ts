/** A sender over a real spool in a directory of its own, and ways to wait for it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Endpoint } from '../../../agent/send/endpoint.ts'
import type { Encode } from '../../../agent/send/requests.ts'
import { type EndpointState, type Sender, type SenderOptions, startSender } from '../../../agent/send/sender.ts'
import { openSpool, type Spool } from '../../../agent/spool/spool.ts'

export const endpointAt = (url: string, rest: Partial<Endpoint> = {}): Endpoint => ({
  name: 'test',
  url,
  protocol: 'protobuf',
  compression: 'gzip',
  headers: {},
  timeoutMs: 5_000,
  order: 'oldest',
  concurrency: 1,
  ...rest,
})

export const temporaryDirectory = (t: Test): string => {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const openTestSpool = async (t: Test, endpoints: readonly string[] = ['test']): Promise<Spool> => {
  const spool = await openSpool({ directory: temporaryDirectory(t), endpoints, flushEveryMs: 5, nowMs: () => performance.now() })
  t.teardown(() => spool.close())
  return spool
}

export const encodeAsIs: Encode = async (payload, { kind }) => ({
  signal: kind === 'windows' ? 'metrics' : 'logs',
  body: payload,
  points: 10,
})

/** No jitter: `random` is 0, so that a retry without Retry-After comes at once. */
export const startTestSender = (t: Test, spool: Spool, endpoint: Endpoint, rest: Partial<SenderOptions> = {}): Sender => {
  const sender = startSender({
    spool,
    endpoint,
    encode: encodeAsIs,
    agentId: () => 'agent-1',
    environment: {},
    random: () => 0,
    unixNowMs: () => Date.now(),
    ...rest,
  })
  t.teardown(() => sender.stop())
  return sender
}

export const appendRecords = (spool: Spool, count: number, items = 4): void => {
  for (let i = 0; i < count; i++)
    spool.append({ kind: 'windows', atMs: i * 10_000, spanMs: 10_000, items, payload: Buffer.from(`record ${i}`) })
}

/** Resolves with the first state that fits. */
export const until = async (sender: Sender, fits: (state: EndpointState) => boolean): Promise<EndpointState> => {
  for (;;) {
    const state = sender.state()
    if (fits(state)) return state
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
