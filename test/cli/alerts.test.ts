/** `probe alerts test` against a controller's API on a port. */
import t from 'tap'
import { startSink } from '../controller/notify/sink.ts'
import { controllerHere } from './controller-here.ts'

t.test('what a receiver answers is shown, and whether it took it is the exit code', async t => {
  const { probe, call, person } = await controllerHere(t)
  const sink = await startSink()
  t.teardown(() => sink.close())
  const payload = `apiVersion: causeway/v1\nowner: o\nalerts:\n  receivers: [{ name: hook, type: webhook, url: "${sink.url}" }]\n  routes: [{ to: [hook] }]\n`
  await call(await person('admin'), { method: 'PUT', url: '/v1/fleet', headers: { 'content-type': 'application/yaml' }, payload })
  const taken = await probe(['alerts', 'test', '--receiver', 'hook'])
  t.match(taken, { code: 0, err: '', out: /^hook \(webhook\): taken after \d+ ms: answered 200: ok\n$/ })
  sink.answer.next = () => ({ status: 500, body: 'no \u001b[31m' })
  const failed = await probe(['alerts', 'test', '--receiver', 'hook', '--output', 'json'])
  t.equal(failed.code, 1)
  t.match(JSON.parse(failed.out), { outcome: 'failed', detail: /answered 500: no/ })
  t.match(await probe(['alerts', 'test', '--receiver', 'nobody']), { code: 2, err: /there is no receiver nobody/ })
  t.match(await probe(['alerts', 'tset', 'hook']), {
    code: 2,
    err: /did you mean test\?[\s\S]*did you mean --receiver hook\?[\s\S]*--receiver: missing/,
  })
})
