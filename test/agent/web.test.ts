import { request } from 'node:http'
import t from 'tap'
import { type Pages, startWeb } from '../../agent/web.ts'

const ask = (port: number, path: string, method = 'GET'): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, agent: false }, response => {
      const parts: Buffer[] = []
      response
        .on('data', part => parts.push(part))
        .on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }))
    })
      .on('error', reject)
      .end()
  })

const served = async (t: { teardown(f: () => unknown): void }, pages: Partial<Pages> = {}) => {
  const web = await startWeb(
    { host: '127.0.0.1', port: 0 },
    {
      metrics: async () => ({
        type: 'text/plain',
        parts: async function* () {
          yield 'a 1\n'
          yield 'b 2\n'
        },
      }),
      problems: () => [],
      ...pages,
    },
  )
  t.teardown(web.close)
  return web.port
}

t.test('metrics, health and readiness are there, and nothing else', async t => {
  const port = await served(t)
  t.same(await ask(port, '/metrics'), { status: 200, body: 'a 1\nb 2\n' })
  t.same(await ask(port, '/healthz'), { status: 200, body: 'ok\n' })
  t.same(await ask(port, '/readyz?x=1'), { status: 200, body: 'ready\n' })
  t.equal((await ask(port, '/')).status, 404)
  t.equal((await ask(port, '/metrics', 'POST')).status, 405)
  t.equal((await ask(port, '/metrics', 'HEAD')).body, '')
})

t.test('an agent that is not ready says why', async t => {
  const port = await served(t, { problems: () => ['spool: read-only file system'] })
  t.same(await ask(port, '/readyz'), { status: 503, body: 'spool: read-only file system\n' })
  t.equal((await ask(port, '/healthz')).status, 200, 'and is alive all the same: a restart would help nobody')
})

t.test('a scraper that goes away in the middle leaves the page unmade', async t => {
  let made = 0
  const port = await served(t, {
    metrics: async () => ({
      type: 'text/plain',
      parts: async function* () {
        for (;;) {
          made++
          yield 'x'.repeat(65_536)
        }
      },
    }),
  })
  await new Promise<void>(resolve => {
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', agent: false }, response =>
      response.once('data', () => asked.destroy()),
    )
    asked
      .on('close', resolve)
      .on('error', () => {})
      .end()
  })
  const before = made
  await ask(port, '/healthz')
  await ask(port, '/healthz')
  t.ok(made - before < 100, 'no more parts were made')
})

t.test('a port that is taken is an error of its own', async t => {
  const port = await served(t)
  await t.rejects(
    startWeb({ host: '127.0.0.1', port }, { metrics: async () => ({ type: '', parts: async function* () {} }), problems: () => [] }),
    { code: 'EADDRINUSE' },
  )
})
