import t from 'tap'
import { styleOf, widthOf } from '../../cli/terminal.ts'
import { parseWatchWords } from '../../cli/watch-options.ts'
import { buildFrames, frameLines, sparkline, type WatchView } from '../../cli/watch-screen.ts'
import { eventLine, outageTable } from '../../cli/watch-text.ts'
import { buildWatch } from '../../judge/watch/watch.ts'
import { screenOf } from '../lab/screen.ts'

const words = (targets: string[], flags: Record<string, string> = {}) => ({
  targets,
  flags: Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, [value]])),
})

for (const { name, targets, flags, wanted } of [
  { name: 'no target', targets: [], flags: {}, wanted: /got 0 targets, want one/ },
  { name: 'two targets', targets: ['a', 'b'], flags: {}, wanted: /got 2 targets, want one/ },
  { name: 'a kind that can not be watched', targets: ['tls://h'], flags: {}, wanted: /watch probes by icmp, udp, tcp, not by tls/ },
  { name: 'too fast', targets: ['h'], flags: { interval: '0.5ms' }, wanted: /--interval: got 0.5ms, want 1ms to 1m/ },
  { name: 'too many a second', targets: ['h'], flags: { rate: '2000' }, wanted: /--rate: got 2000, want at most 1000/ },
  { name: 'both', targets: ['h'], flags: { rate: '10', interval: '1s' }, wanted: /--interval or --rate, not both/ },
  { name: 'no duration', targets: ['h'], flags: { objective: 'soon' }, wanted: /--objective: "soon" is not a duration/ },
  { name: 'data of a connect', targets: ['h:443'], flags: { size: '100' }, wanted: /--size: belongs to icmp and udp/ },
  { name: 'a datagram that is too small', targets: ['udp://h'], flags: { size: '10' }, wanted: /--size: got "10", want 88 to 1472 bytes/ },
  { name: 'an unknown option', targets: ['h'], flags: { objektive: '1s' }, wanted: /did you mean --objective/ },
  { name: 'an output', targets: ['h'], flags: { output: 'junit' }, wanted: /want human, ndjson, json/ },
]) {
  t.test(`bad usage: ${name}`, async t => {
    const plan = parseWatchWords(words(targets, flags))
    t.match(plan.ok ? '' : plan.problems.join('\n'), wanted)
  })
}

for (const { target, flags, wanted } of [
  { target: 'h', flags: {}, wanted: { kind: 'icmp', intervalMs: 10, timeoutMs: 1000, looks: true, output: 'human' } },
  { target: 'h:443', flags: {}, wanted: { kind: 'tcp', port: 443, intervalMs: 50 } },
  { target: 'udp://h', flags: { rate: '1000', 'no-look': 'true' }, wanted: { kind: 'udp', port: 8442, intervalMs: 1, looks: false } },
  { target: 'h', flags: { interval: '5s', source: '::1', duration: '1h' }, wanted: { timeoutMs: 5000, family: 6, durationMs: 3_600_000 } },
]) {
  t.test(`${target} ${JSON.stringify(flags)} is understood`, async t => {
    const plan = parseWatchWords(words([target], flags as Record<string, string>))
    t.ok(plan.ok, plan.ok ? '' : plan.problems.join('; '))
    if (plan.ok && target !== 'udp://h') t.match(plan.value, wanted)
    else if (plan.ok) t.match(plan.value, { ...wanted, port: Number })
  })
}

const startedAt = '2026-01-01T12:00:00.000Z'
const env = { LANG: 'C.UTF-8', TERM: 'xterm' }

/** A path that was away for 1.5 s, and is on another route since. */
function view(): WatchView {
  const watch = buildWatch({ intervalMs: 10, timeoutMs: 500 }, () => {})
  watch.looked(0, { mtu: 1420 })
  for (let index = 0; index < 900; index++) {
    watch.sent(index, index * 10)
    if (index < 300 || index >= 450) watch.answered(index, index * 10 + 5, index < 300 ? 4.6 : 24.6, index < 300 ? 60 : 58)
    watch.advance(index * 10)
  }
  const seconds = [4.6, 4.6, 4.7, null, 24.6, 24.6].map((rttMs, at) => ({
    atMs: at * 1000,
    sent: 100,
    lost: rttMs === null ? 100 : 0,
    rttMs,
    maxMs: rttMs,
  }))
  return {
    title: 'azure.example  10.2.0.2  icmp every 10ms',
    startedAt,
    objectiveMs: 1000,
    timeoutMs: 500,
    totals: watch.totals,
    seconds,
    sinceMs: 4500,
    nowMs: 9000,
  }
}

for (const columns of [40, 60, 100]) {
  t.test(`the live view fits ${columns} columns and few rows`, async t => {
    const out = { write: () => {}, isTTY: true, columns, rows: 12 }
    const style = styleOf(out, { ...env, NO_COLOR: '1' })
    const lines = frameLines(view(), style, out.rows)
    for (const line of lines) t.ok([...line].length <= columns, line)
    t.ok(lines.length <= out.rows)
    const text = lines.join('\n')
    t.match(text, /✓ up 4 s/)
    t.match(text, /1\.5 s/)
    t.match(text, /4\.60 → 24\.6/)
    t.match(text, /✗ objective 1 s, longest 1\.5 s/)
  })
}

t.test('a terminal without these characters gets others', async t => {
  const style = styleOf({ write: () => {}, isTTY: true, columns: 80 }, { TERM: 'xterm', NO_COLOR: '1' })
  const text = frameLines(view(), style, 24).map(style.fit).join('\n')
  t.notMatch(text, /\P{ASCII}/u)
  t.equal(sparkline(view().seconds, style, 80).length, 6)
  t.ok(widthOf(text.split('\n')[0]!) < 80)
})

t.test('a frame takes the place of the one before', async t => {
  let text = ''
  const frames = buildFrames({ write: more => (text += more), columns: 80, rows: 24 })
  frames.draw(['one', 'two', 'three'])
  frames.draw(['four', 'five'])
  t.strictSame(screenOf(text), ['four', 'five', ''])
})

t.test('after a resize nothing of the frame before is left, whether its lines were broken or not', async t => {
  let text = ''
  const out = { write: (more: string) => (text += more), columns: 80, rows: 24 }
  const frames = buildFrames(out)
  frames.draw(['x'.repeat(70), 'y'.repeat(70), 'z'])
  // A terminal that breaks what is too long has made five lines of the three.
  text = `${'x'.repeat(40)}\n${'x'.repeat(30)}\n${'y'.repeat(40)}\n${'y'.repeat(30)}\nz\n`
  out.columns = 40
  frames.draw(['one', 'two'])
  t.strictSame(
    screenOf(text).filter(line => line !== ''),
    ['one', 'two'],
  )
  out.columns = 120
  frames.draw(['wide'])
  t.strictSame(
    screenOf(text).filter(line => line !== ''),
    ['wide'],
  )
})

t.test('what happened is a line each, and a table at the end', async t => {
  const style = styleOf({ write: () => {} }, env)
  const [outage] = view().totals.outages
  t.match(
    eventLine({ type: 'outage_ended', outage: { ...outage!, direction: 'reverse' } }, startedAt, style),
    '12:00:04.500  ✓ up  after 1.5 s, 150 lost, reverse only',
  )
  t.match(
    eventLine({ type: 'step', step: { what: 'mtu', atMs: 5000, before: 1420, after: 1380 } }, startedAt, style),
    /path MTU 1420 → 1380 bytes/,
  )
  t.equal(eventLine({ type: 'second', second: view().seconds[0]! }, startedAt, style), undefined)
  t.match(
    outageTable([outage!], startedAt, style, undefined).join('\n'),
    /#\s+began\s+length\s+±\s+lost\s+rtt ms[\s\S]*1\s+12:00:03.000\s+1.5 s\s+20 ms\s+150\s+4.60 → 24.6/,
  )
})
