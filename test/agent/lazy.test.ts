import { registerHooks } from 'node:module'
import t from 'tap'

t.test('OpenTelemetry and prom-client are loaded by what needs them, and by nothing that an idle agent runs', async t => {
  const loaded: string[] = []
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      loaded.push(specifier)
      return next(specifier, context)
    },
  })
  t.teardown(() => hooks.deregister())
  const heavy = (): string[] => loaded.filter(specifier => /^(@opentelemetry|prom-client)/.test(specifier))
  for (const file of ['window', 'self', 'record', 'record-merge', 'events', 'resource']) await import(`../../agent/${file}.ts`)
  t.ok(loaded.length > 10 && heavy().length === 0, heavy().join())
  await import('../../agent/otlp.ts')
  t.ok(heavy().some(specifier => specifier.startsWith('@opentelemetry')))
  t.notOk(heavy().includes('prom-client'))
})

t.test('what an agent needs under a controller is loaded when there is one', async t => {
  const loaded: string[] = []
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context)
      loaded.push(found.url)
      return found
    },
  })
  t.teardown(() => hooks.deregister())
  await import('../../agent/agent.ts')
  t.ok(loaded.some(url => url.endsWith('/agent/agent.ts')))
  t.same(
    loaded.filter(url => url.includes('/agent/controller/')),
    [],
  )
})
