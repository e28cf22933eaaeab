import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import * as seen from './seen.ts'

const { icmp, ladder, tcp } = seen

t.test('what explains a failure comes before what explains a warning', async t => {
  const results = [seen.silent(), tcp(), seen.refused('certificate_name_mismatch', [seen.certificate()])]
  const settled = results.map(result => (result.kind === 'icmp' ? icmp({ warns: [['icmp_filtered']], measured: result.measured }) : result))
  t.strictSame(
    diagnose(settled, { startedAt: seen.startedAt }).map(({ cause }) => cause),
    ['certificate_name_mismatch', 'icmp_filtered'],
  )
})

t.test('text from the network cannot write to the terminal or into a command', async t => {
  const evil = 'CN=\u001b[2J`reboot`\n$(reboot)'
  const results = ladder(seen.refused('certificate_untrusted', [seen.certificate({ subject: evil, issuer: evil, sans: [evil] })], evil))
  const [found] = diagnose(results, { startedAt: seen.startedAt })
  t.notMatch(JSON.stringify([found!.summary, found!.evidence]), /\\u001b|\\n/)
  t.notMatch(JSON.stringify([found!.fixes, found!.next]), /reboot/)
})
