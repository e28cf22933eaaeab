/** An agent that is enrolled and listens to what it is asked to run. */
import t from 'tap'
import type { RunMessage } from '../../../wire/api/assignments.ts'
import type { Api } from './api.ts'
import { readSse, type SseReader } from './sse-reader.ts'

export const enrol = async (api: Api, base: string, agentId: string, cloud: string, serves = ['echo', 'tls']) => {
  const payload = {
    proof: { kind: 'join', token: await api.join(agentId, { cloud, region: 'r' }) },
    advertise: [{ scope: 'node', host: `${agentId}.example` }],
    details: { serves },
  }
  const { credential } = (await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload })).json<{ credential: string }>()
  return { agentId, credential, reader: await readSse(t, `${base}/v1/assignments`, credential) }
}

export const nextRun = async (reader: SseReader): Promise<RunMessage> => {
  for (;;) {
    const event = await reader.next()
    if (!event) throw new Error('the stream has ended')
    if (event.event === 'run') return JSON.parse(event.data)
  }
}
