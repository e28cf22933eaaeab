/** The configuration of a running agent: changed, broken, mounted as Kubernetes mounts it; and an agent that must not start. */
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { phaseMs } from '../../agent/schedule.ts'
import { configHere, endpointName, launchAgentHere, policyText, startAgentHere } from '../lab/agent-here.ts'
import { openFolder, removeFolder } from '../lab/agent-in.ts'
import { gapsOf, runsOf, sumOf, windowsOf } from '../lab/batches.ts'
import { startOtlpSink } from '../lab/otlp-sink.ts'
import { tcpServers } from '../servers/tcp-servers.ts'

const setUp = async (t: Test) => {
  const folder = openFolder()
  const sink = await startOtlpSink()
  const target = await tcpServers.sink()
  t.teardown(async () => {
    await sink.close()
    await target.close()
    removeFolder(folder)
  })
  writeFileSync(join(folder, 'policy.yaml'), policyText)
  const targets = [{ name: 'open', address: `127.0.0.1:${target.port}` }]
  const check = (name: string, every: string) => ({ name, kind: 'tcp', every, lateness: '10s' })
  const config = (...checks: object[]) => ({ targets, checks, export: [{ name: endpointName, url: sink.url }], policy: 'policy.yaml' })
  const text = (config: object) => JSON.stringify(configHere(folder, config))
  return { folder, sink, target, check, config, text, file: join(folder, 'agent.yaml') }
}

t.test('a file that changes: what stays goes on in its phase, a broken one changes nothing and is counted', async t => {
  const { folder, sink, check, config, text, file } = await setUp(t)
  const stays = check('stays', '1s')
  const agent = await startAgentHere(folder, config(stays, check('goes', '500ms')))
  await sleep(2200)
  writeFileSync(file, text(config(stays, check('comes', '500ms'))))
  await agent.hear(/^configuration changed$/)
  await sleep(2200)
  const { web } = agent.said.find(({ msg }) => msg === 'measuring')!
  for (const broken of ['checks: [', text({ ...config(stays), chekcs: [] })]) {
    const said = agent.said.length
    writeFileSync(file, broken)
    t.match(await agent.hear(/^configuration refused/, said), { level: 'error', problem: /agent\.yaml:\d+/ })
  }
  const said = agent.said.length
  agent.child.kill('SIGHUP')
  await agent.hear(/^configuration refused/, said)
  // The page shows what was counted until the last window that ended.
  let page = ''
  while (!/rejections_total\{.*\} 3/.test(page)) {
    await sleep(500)
    page = await (await fetch(`http://127.0.0.1:${web}/metrics`)).text()
  }
  t.match(await agent.end(), { status: 0 })
  t.equal(sumOf(sink.batches, 'causeway.agent.config.rejections'), 3)
  t.strictSame(gapsOf(sink.batches), [])
  t.strictSame(Object.keys(runsOf(sink.batches)), ['ok'])
  t.ok(runsOf(sink.batches, 'goes')['ok']! >= 3 && runsOf(sink.batches, 'comes')['ok']! >= 3)
  t.equal(sumOf(sink.batches, 'causeway.agent.runs.skipped'), 0)
  const windows = windowsOf(sink.batches, 'stays')
  const runs = windows.reduce((sum, window) => sum + window.runs, 0)
  const lastedS = (windows.at(-1)!.endMs - windows[0]!.startMs) / 1000
  t.ok(Math.abs(runs - lastedS) <= 1.5, `${runs} runs of each second in ${lastedS} s: none lost and none twice by a change`)
})

t.test('a path that stays keeps its phase over a change', async t => {
  const { folder, target, check, config, text, file } = await setUp(t)
  const at: number[] = []
  const stays = check('stays', '1s')
  const agent = await startAgentHere(folder, config(stays))
  let seen = target.connections()
  const look = setInterval(() => {
    if (target.connections() > seen) at.push(Date.now())
    seen = target.connections()
  }, 5)
  for (let i = 0; i < 4; i++) {
    await sleep(1000)
    writeFileSync(file, text({ ...config(stays), probesPerSecond: 100 + i }))
    await agent.hear(/^configuration changed$/, agent.said.length)
  }
  clearInterval(look)
  t.match(await agent.end(), { status: 0 })
  const phase = phaseMs('stays/open', 1000)
  const off = at.map(ms => ((((ms - phase) % 1000) + 1500) % 1000) - 500).toSorted((a, b) => a - b)
  t.ok(at.length >= 4)
  t.ok(Math.abs(off[Math.floor(off.length / 2)]!) < 150, `${off.join(', ')} ms off its phase`)
})

t.test('a mounted ConfigMap changes by a rename of the directory behind it', async t => {
  const { folder, check, config, text } = await setUp(t)
  const mount = join(folder, 'etc')
  const policy = join(folder, 'policy.yaml')
  const publish = (version: string, config: object): void => {
    mkdirSync(join(mount, version), { recursive: true })
    writeFileSync(join(mount, version, 'agent.yaml'), text({ ...config, policy }))
    symlinkSync(version, join(mount, '..data_tmp'))
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  }
  publish('..1', config(check('first', '1s')))
  symlinkSync('..data/agent.yaml', join(mount, 'agent.yaml'))
  const agent = await startAgentHere(folder, { ...config(check('first', '1s')), policy }, { file: join('etc', 'agent.yaml') })
  publish('..2', config(check('first', '1s'), check('second', '1s')))
  t.match(await agent.hear(/^configuration changed$/), { paths: 2 })
  t.match(await agent.end(), { status: 0 })
})

t.test('a file that changes while the agent starts is read again', async t => {
  const { folder, check, config, text, file } = await setUp(t)
  const agent = launchAgentHere(folder, config(check('first', '1s')))
  // The first word is of the self-test, when the file has been read long since.
  await agent.hear(/./)
  writeFileSync(file, text(config(check('first', '1s'), check('second', '1s'))))
  t.match(await agent.hear(/^configuration changed$/), { paths: 2 })
  t.match(await agent.end(), { status: 0 })
})

const mistakes = `agent: { clod: aws }
targets:
  - { name: a, adress: "10.0.0.1:443" }
checks:
  - { name: ping, kind: icmpp, every: 1s }
  - { name: c, kind: tcp, every: soon }
lisen: off
`

t.test('five mistakes in a file: five lines with their places, exit 2', async t => {
  const folder = openFolder()
  t.teardown(() => removeFolder(folder))
  const agent = launchAgentHere(folder, mistakes)
  await t.rejects(agent.hear(/never/))
  t.match(await agent.end(), { status: 2 })
  t.strictSame(
    [...new Set(agent.words.map(line => /agent\.yaml:(\d+): /.exec(line)?.[1]))],
    ['1', '3', '5', '6', '7'],
    agent.words.join('\n'),
  )
})

t.test('a data directory in use: who has it, and exit 2; the one that has it goes on', async t => {
  const { folder, check, config } = await setUp(t)
  const first = await startAgentHere(folder, config(check('c', '1s')))
  const second = launchAgentHere(folder, config(check('c', '1s')), { file: 'second.yaml' })
  await t.rejects(second.hear(/^measuring$/))
  t.match(await second.end(), { status: 2 })
  t.match(second.words, [new RegExp(`in use by another agent: pid ${first.child.pid} on `)])
  t.equal(second.words.length, 1)
  t.match(await first.end(), { status: 0 })
})

t.test('a port that is taken: what to change, and exit 2', async t => {
  const { folder, target, check, config } = await setUp(t)
  const agent = launchAgentHere(folder, { ...config(check('c', '1s')), listen: `127.0.0.1:${target.port}` })
  await t.rejects(agent.hear(/^measuring$/))
  t.match(await agent.end(), { status: 2 })
  t.match(agent.words, [/EADDRINUSE.*--listen/])
})

t.test('SIGHUP while the agent starts is a reload when it has', async t => {
  const { folder, check, config } = await setUp(t)
  const agent = launchAgentHere(folder, config(check('c', '1s')))
  // The first word is of the self-test, shortly before it measures.
  await agent.hear(/./)
  agent.child.kill('SIGHUP')
  await agent.hear(/^configuration changed$/)
  t.match(await agent.end(), { status: 0 })
})

t.test('SIGHUP while the configuration is read does not end it', async t => {
  const { folder, check, config } = await setUp(t)
  const agent = launchAgentHere(folder, config(check('c', '1s')))
  let hups = 0
  const ended = new Promise(resolve => agent.child.once('exit', resolve))
  const hup = setInterval(() => {
    if (listens(agent.child.pid!, 'SIGHUP')) hups += Number(agent.child.kill('SIGHUP'))
  }, 1)
  await Promise.race([agent.hear(/^configuration changed$/), ended])
  clearInterval(hup)
  t.ok(hups > 1, `${hups} signals`)
  t.match(await agent.end(), { status: 0 })
})

/** Whether a process has a handler of its own (SigCgt of proc(5)). */
const listens = (pid: number, signal: NodeJS.Signals): boolean => {
  const [, mask = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n
}
