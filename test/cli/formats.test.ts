import fc from 'fast-check'
import t from 'tap'
import { escapeXml, junitText } from '../../cli/junit.ts'
import { escapeMarkdown, markdownText } from '../../cli/markdown.ts'
import { printable } from '../../cli/printable.ts'
import { diagnose } from '../../judge/diagnose/diagnose.ts'
import type { RunDocument } from '../../wire/result.ts'
import { all, blackHole, type Canned, result, startedAt } from './canned.ts'
import { parseXml } from './xml.ts'

const documentOf = (canned: Canned): RunDocument => {
  const results = all(canned)
  return {
    schema: 'causeway.run/1',
    startedAt,
    verdict: 'fail',
    target: results[0]!.target,
    results,
    diagnosis: diagnose(results, { startedAt }),
  }
}

const evil = '\u001b[31m</failure> & "quoted" | `pipe` \u0000\ud800\u202e'
const evilTls = result('tls', {}, { outcome: { kind: 'fail', reason: 'certificate_untrusted', detail: evil } })
const silent = result(
  'icmp',
  {},
  { outcome: { kind: 'unmeasured', reason: 'local_permission', detail: 'want sysctl -w net.ipv4.ping_group_range="0 0"' } },
)

t.test('JUnit has a suite per target, a case per step, failures and skipped ones', async t => {
  const root = parseXml(junitText([documentOf({ ...blackHole, icmp: silent }), documentOf({})]))
  t.strictSame(
    root.children.map(suite => suite.attributes.name),
    ['payments.azure.example:15443', 'payments.azure.example:15443'],
  )
  const [first, second] = root.children
  t.match(first!.attributes, { tests: '5', failures: '2', skipped: '1', errors: '0', timestamp: startedAt })
  t.match(second!.attributes, { failures: '0', skipped: '0' })
  const cases = first!.children.filter(({ name }) => name === 'testcase')
  t.strictSame(
    cases.map(({ attributes }) => attributes.name),
    ['dns', 'icmp', 'mtu', 'tcp', 'tls'],
  )
  t.match(cases[2]!.children[0], { name: 'failure', attributes: { type: 'mtu_black_hole' } })
  t.match(cases[1]!.children[0], { name: 'skipped', attributes: { message: /local_permission: want sysctl/ } })
  t.match(first!.children.at(-1)!.text, /path_mtu_black_hole \(certain\)/)
})

t.test('JUnit stays XML whatever a server sends', async t => {
  const root = parseXml(junitText([documentOf({ tls: evilTls })]))
  t.match(JSON.stringify(root), /quoted/)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      parseXml(`<a b="${escapeXml(text)}">${escapeXml(text)}</a>`)
    }),
  )
})

t.test('Markdown has the verdict, the steps and the diagnosis', async t => {
  const text = markdownText([documentOf(blackHole)])
  t.match(text, /^## payments\.azure\.example:15443: fail\n/)
  t.match(text, /\| mtu \| \*\*fail\*\*: mtu\\_black\\_hole \| forward 1420; reverse 1380 bytes; black hole both ways/)
  t.match(text, /### path MTU black hole \(both, certain\)/)
  t.match(text, /```sh\nnft /)
  t.match(text, /\*\*Evidence\*\*\n\n- /)
})

t.test('Markdown stays one table whatever a server sends', async t => {
  const text = markdownText([documentOf({ tls: evilTls })])
  const row = text.split('\n').find(line => line.startsWith('| tls'))!
  t.equal(row.replaceAll('\\|', '').split('|').length, 5, row)
  t.notMatch(text, /[^\P{C}\n]/u)
  t.equal(escapeMarkdown('a|b'), 'a\\|b')
})

t.test('what came from the network cannot drive a terminal', async t => {
  t.equal(printable('CN=\u001b]0;x\u0007\u009b2J\nevil\u202e'), 'CN=\\x1b]0;x\\x07\\x9b2J\\x0aevil\\u202e')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => !/[\p{Cc}\p{Cf}]/u.test(printable(text))))
})
