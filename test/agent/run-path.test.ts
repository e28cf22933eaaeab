import t from 'tap'
import { createResolve } from '../../agent/resolve.ts'
import { startResponder } from '../../agent/responder/responder.ts'
import { runPath } from '../../agent/run-path.ts'
import { withDefaults } from '../../wire/options.ts'
import { pathOf } from './paths.ts'

t.test('every round trip of a run is kept, and not its median alone: the slow ones are what matters', async t => {
  const responder = await startResponder({
    agentId: 'agent-1',
    bind: ['127.0.0.1'],
    ports: { tcp: null, tls: null, mtls: null, udp: 0 },
  })
  t.teardown(() => responder.close())
  const path = pathOf('udp', 'agent-1', {
    ...{ host: '127.0.0.1', port: responder.ports.udp!, latenessMs: 60_000, timeoutMs: 20_000 },
    target: { name: 'agent-1', address: '127.0.0.1' },
    options: withDefaults('udp', { count: 40, timeoutMs: 20_000 }),
  })
  const clock = { elapsedMs: () => performance.now(), nowMs: () => Date.now() }
  const { result } = await runPath(
    { path, dueMs: clock.elapsedMs(), lateMs: 0 },
    {
      ...{ clock, resolve: createResolve(clock), allow: () => undefined, refuse: () => undefined },
      ...{ lateness: { worstMs: () => 0, stop: () => {} }, sources: {} as never, stop: new AbortController().signal },
    },
  )
  t.same(result.outcome, { kind: 'ok' })
  t.ok((result.samplesMs?.length ?? 0) >= 30, `${result.samplesMs?.length} round trips`)
  t.notOk(JSON.stringify(result).includes('samplesMs'), 'and they are not in what is shown')
})
