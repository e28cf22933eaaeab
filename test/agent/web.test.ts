import { request } from 'node:http'
import t from 'tap'
import { renderPage } from '../../agent/metrics-page.ts'
import { createSelf } from '../../agent/self.ts'
import { type Pages, startWeb, type WebLimits } from '../../agent/web.ts'
import { Windows } from '../../agent/window.ts'
import { echoes, handClock, pathOf } from './paths.ts'

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

const served = async (t: { teardown(f: () => unknown): void }, pages: Partial<Pages> = {}, limits?: WebLimits) => {
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
    limits,
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

const partsOf = (parts: () => AsyncIterable<string>): Partial<Pages> => ({ metrics: async () => ({ type: 'text/plain', parts }) })

/** Reads some bytes at a time, as the network of a slow scraper would. */
const readSlowly = (port: number, bytesAtOnce: number, everyMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/metrics', agent: false }, response => {
      let text = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('end', () => resolve(text))
      const timer = setInterval(() => void (text += response.read(bytesAtOnce) ?? response.read() ?? ''), everyMs)
      response.on('readable', () => {}).on('close', () => clearInterval(timer))
    })
      .on('error', reject)
      .end()
  })

t.test('a part that takes longer to make than a reader may be silent is waited for', async t => {
  const slow = partsOf(async function* () {
    yield 'a 1\n'
    await new Promise(resolve => setTimeout(resolve, 300))
    yield 'b 2\n'
  })
  const port = await served(t, slow, { idleMs: 50, pageMs: 60_000 })
  t.same(await ask(port, '/metrics'), { status: 200, body: 'a 1\nb 2\n' })
})

t.test('a reader that takes nothing is left, and so is one that takes for ever', async t => {
  for (const limits of [
    { idleMs: 50, pageMs: 60_000 },
    { idleMs: 60_000, pageMs: 50 },
  ]) {
    let ended = (): void => {}
    const isOver = new Promise<void>(resolve => {
      ended = resolve
    })
    const endless = partsOf(async function* () {
      try {
        for (;;) {
          yield 'x'.repeat(65_536)
          await new Promise(resolve => setImmediate(resolve))
        }
      } finally {
        ended()
      }
    })
    const port = await served(t, endless, limits)
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', agent: false }, response => {
      response.on('error', () => {})
      if (limits.pageMs === 50) response.resume()
    })
    asked.on('error', () => {}).end()
    await isOver
    asked.destroy()
    t.pass(JSON.stringify(limits))
  }
})

t.test('the page of 10,000 paths arrives whole at a slow reader, and other work has its turn meanwhile', async t => {
  const paths = Array.from({ length: 10_000 }, (_, i) => pathOf('icmp', `t${i}`))
  const [clock, self] = [handClock(), createSelf()]
  const windows = new Windows(paths, { clock, self })
  for (const [i, { key }] of paths.entries()) windows.record(i, echoes([1, 2, 3]), { key, lateMs: 1 })
  clock.pass(10_000)
  for (const _ of windows.close().records());
  const port = await served(
    t,
    partsOf(() => renderPage({ windows, self, details: false })),
  )
  let turns = 0
  const count = setInterval(() => turns++, 5)
  const text = await readSlowly(port, 512 * 1024, 10)
  clearInterval(count)
  t.equal(text.match(/^causeway_probe_runs_total\{/gm)?.length, 10_000)
  t.equal(text.match(/^# TYPE causeway_probe_runs_total /gm)?.length, 1)
  t.ok(turns > 10, `${turns} turns`)
})
