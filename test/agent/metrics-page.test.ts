import { spawnSync } from 'node:child_process'
import t from 'tap'
import { renderPage } from '../../agent/metrics-page.ts'
import { createSelf } from '../../agent/self.ts'
import { Windows } from '../../agent/window.ts'
import type { AnyResult, Kind } from '../../wire/result.ts'
import { anyResult, connect, datagrams, echoes, handClock, pathOf, request, source, transfer } from './paths.ts'

const leaf = { subject: '', issuer: '', notBefore: '', notAfter: '2026-11-23T00:00:00.000Z', sans: [], serial: '', fingerprint256: '' }
const handshake = { phasesMs: { connect: 30, tls: 70, clientAuth: 30, total: 130 } }
/** A healthy run of every kind. */
const healthy: Record<string, AnyResult> = {
  icmp: echoes([30, 31, 32]),
  udp: datagrams([30, 31, 32]),
  tcp: connect(30, transfer),
  tls: anyResult('tls', { chain: [leaf] } as never, handshake),
  mtls: anyResult('mtls', { chain: [leaf], trustDomain: 'azure.example' } as never, handshake),
  mtu: anyResult('mtu', { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1400 } } as never),
  dns: anyResult('dns', {} as never, { phasesMs: { resolve: 3, total: 4 } }),
  http: request(30, 12, [leaf]),
  bundle: anyResult('bundle', { sequence: '42' } as never),
}

const page = async (details = false, runs = 10): Promise<string> => {
  const paths = Object.keys(healthy).map(kind => pathOf(kind as Kind, kind === 'dns' ? 'a "quoted"\\name' : 'payments'))
  const [clock, self] = [handClock(), createSelf()]
  const windows = new Windows(paths, { clock, self, source })
  self.add('runsSkipped', 2, 'late')
  self.add('windowsDropped', 1, 'full')
  self.add('exportRequests', 4, 'controller')
  self.add('configRejections', 1, 'schema')
  self.set('spoolBytes', 4096)
  self.set('assignmentGeneration', 7)
  self.set('clockError', 0.002)
  self.sample('loopDelay', 1)
  for (let window = 0; window < 3; window++) {
    for (const [index, { key, kind }] of paths.entries())
      for (let run = 0; run < runs; run++) windows.record(index, healthy[kind]!, { key, lateMs: 1 })
    clock.pass(10_000)
    for (const _ of windows.close().records());
  }
  let text = ''
  for await (const part of renderPage({ windows, self, source, details })) text += part
  return text
}
const lines = (text: string): string[] => text.split('\n').filter(line => line !== '' && !line.startsWith('#'))

t.test('a path has a summary of its RTT, and counters over all windows', async t => {
  const text = await page()
  const labels =
    'check="mesh-tcp",kind="tcp",target="payments",server_address="payments.azure.example",server_port="15443",network_type="ipv4",' +
    'source_cloud="aws",source_region="us-east-1",destination_cloud="azure",destination_region="eastus"'
  const wanted = [
    `causeway_probe_runs_total{outcome="ok",${labels}} 30`,
    `causeway_probe_rtt_seconds{quantile="0.5",${labels}} 0.03`,
    `causeway_probe_rtt_seconds{quantile="0.95",${labels}} 0.03`,
    `causeway_probe_rtt_seconds{quantile="0.99",${labels}} 0.03`,
    `causeway_probe_rtt_seconds_count{${labels}} 30`,
    `causeway_probe_duration_seconds_count{${labels}} 30`,
    `causeway_tcp_segments_total{direction="forward",${labels}} 90`,
    `causeway_tcp_retransmits_total{direction="forward",${labels}} 0`,
    `causeway_tcp_retransmits_total{direction="reverse",${labels}} 60`,
  ]
  const found = lines(text)
  for (const line of wanted) t.ok(found.includes(line), `${line}\n${found.filter(one => one.startsWith(line.slice(0, 25))).join('\n')}`)
  t.match(text, '# TYPE causeway_probe_rtt_seconds summary')
  t.match(text, /causeway_agent_runs_skipped_total\{reason="late",source_cloud="aws",source_region="us-east-1"\} 2/)
})

t.test('no number has digits that nobody measured', async t => {
  for (const runs of [1, 3, 7, 10])
    for (const line of lines(await page(true, runs))) {
      const digits = /\.(\d+)$/.exec(line.split(' ').at(-1)!)?.[1] ?? ''
      t.ok(digits.length <= 9, line)
    }
  t.match(await page(), /causeway_probe_rtt_seconds_sum\{.*kind="tcp".* 0\.9\n/)
})

t.test('a healthy path of any kind has at most 12 series, a transfer adds two; details are more', async t => {
  const [few, all] = [lines(await page()), lines(await page(true))]
  for (const kind of Object.keys(healthy)) {
    const count = few.filter(line => line.includes(`kind="${kind}"`)).length
    const reverse = few.filter(
      line => line.includes(`kind="${kind}"`) && line.startsWith('causeway_tcp_') && line.includes('direction="reverse"'),
    )
    t.ok(count >= 3 && count - reverse.length <= 12, `${kind}: ${count}`)
    t.equal(reverse.length, kind === 'tcp' ? 2 : 0)
  }
  t.notOk(few.some(line => line.includes('phase')))
  t.ok(all.some(line => line.startsWith('causeway_probe_phase_duration_seconds_sum{phase="tls"')))
})

t.test('every label value is a string in quotes, whatever is in it', async t => {
  const form = /^[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? [-0-9.e+]+$/
  for (const line of lines(await page(true))) t.match(line, form)
})

t.test('no run, no line but the help of what there is', async t => {
  t.same(
    lines(await page(false, 0)).filter(line => line.includes('kind=')),
    [],
  )
})

const needsPromtool = spawnSync('promtool', ['--version']).error ? 'needs promtool: apt-get install prometheus' : false

t.test('promtool finds nothing to say', { skip: needsPromtool }, async t => {
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: await page(true), encoding: 'utf8' })
  t.equal(stdout + stderr, '')
  t.equal(status, 0)
})
