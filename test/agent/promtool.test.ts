/** The page of a whole agent, with every kind of check, as Prometheus reads it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { kinds } from '../../wire/result.ts'
import { freePorts, waitFor } from '../interop/programs.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { configure, everyKind, run, temporary } from './every-kind.ts'

const needs = (program: string): false | string =>
  spawnSync(program, ['--version'], { env: cleanEnv }).error ? `needs ${program}: apt-get install prometheus` : false

t.setTimeout(90_000)

t.test('the page of an agent with every kind of check', async t => {
  const directory = temporary(t)
  const agent = await run(t, configure(directory, await everyKind(t, directory)))
  const hasAll = (page: string): boolean =>
    kinds.every(kind => page.includes(`causeway_probe_runs_total{outcome="ok",check="each-${kind}"`))
  const page = await waitFor('run of every kind', async () => [await agent.page()].find(hasAll)).catch(async error =>
    t.fail(
      `${error}\n${(await agent.page())
        .split('\n')
        .filter(line => line.includes('runs_total'))
        .join('\n')}`,
    ),
  )
  if (typeof page !== 'string') return

  await t.test('promtool finds nothing to say', { skip: needs('promtool') }, async t => {
    const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8', env: cleanEnv })
    t.equal(stdout + stderr, '')
    t.equal(status, 0)
  })

  await t.test('every path has at most 12 series, a transfer two more', async t => {
    const lines = page.split('\n')
    for (const kind of kinds) {
      // A busy machine adds one that says so.
      const own = lines.filter(line => line.includes(`check="each-${kind}"`) && !line.includes('error_type="local_overload"'))
      t.ok(own.length <= (kind === 'tcp' ? 14 : 12), `${kind}: ${own.length}\n${own.join('\n')}`)
    }
  })

  await t.test('Prometheus scrapes it and answers with its numbers', { skip: needs('prometheus') }, async t => {
    const [port] = await freePorts(1)
    const file = join(directory, 'prometheus.yaml')
    const job = { job_name: 'agent', scrape_interval: '1s', static_configs: [{ targets: [`127.0.0.1:${agent.agent.listening.web}`] }] }
    writeFileSync(file, JSON.stringify({ scrape_configs: [job] }))
    const child = spawn(
      'prometheus',
      [`--config.file=${file}`, `--storage.tsdb.path=${join(directory, 'tsdb')}`, `--web.listen-address=127.0.0.1:${port}`],
      { env: cleanEnv, stdio: 'ignore' },
    )
    t.teardown(async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    })
    type Sample = { metric: Record<string, string>; value: [number, string] }
    const ask = async (query: string): Promise<Sample[]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => undefined)
      return answer?.ok ? ((await answer.json()) as { data: { result: Sample[] } }).data.result : []
    }
    const runs = await waitFor('scrape', async () =>
      [await ask('sum by (kind) (causeway_probe_runs_total)')].find(({ length }) => length === kinds.length),
    )
    t.same(runs.map(({ metric }) => metric['kind']).toSorted(), kinds.toSorted())
    t.match(await ask('up'), [{ value: [Number, '1'] }])
    const [median] = await ask('causeway_probe_rtt_seconds{kind="udp",quantile="0.5"}')
    t.ok(Number(median?.value[1]) > 0 && Number(median?.value[1]) < 0.1, `RTT of UDP over loopback: ${median?.value[1]} s`)
    const loss =
      '1 - sum(causeway_udp_packets_total{direction="forward",state="received"}) / sum(causeway_udp_packets_total{direction="forward",state="sent"})'
    t.match(await ask(loss), [{ value: [Number, '0'] }])
  })
})
