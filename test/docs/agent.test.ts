/** What docs/agent.md says, held against the program. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { readConfig } from '../../agent/config/read.ts'
import { interceptionRemedy, nobody } from '../../agent/interception.ts'
import { selfTest } from '../../agent/self-test.ts'
import { defaultMemoryBytes } from '../../agent/spool/options.ts'
import { dropReasons } from '../../agent/spool/record.ts'
import { unmeasuredReasons } from '../../wire/reasons.ts'
import { responderPorts } from '../../wire/responder.ts'

const page = readFileSync(new URL('../../docs/agent.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)

t.test('its file is one that the agent takes', async t => {
  const [file] = blocks.filter(text => !text.startsWith('# pod spec'))
  const config = readConfig({
    file: 'agent.yaml',
    flags: {},
    exports: [],
    environment: { OTLP_TOKEN: 'secret' },
    readFile: () => file!,
    defaultData: () => '/nowhere',
  })
  if (!config.ok) return t.fail(config.problems.join('\n'))
  t.same(
    config.value.paths.map(({ key }) => key),
    ['connect/payments', 'handshake/payments', 'path-mtu/payments'],
  )
  t.equal(config.value.endpoints.length, 1)
})

t.test('its pod spec is YAML, and has what the agent asks for when that is missing', async t => {
  const [spec] = blocks.filter(text => text.startsWith('# pod spec'))
  t.match(parse(spec!), {
    securityContext: { sysctls: [{ name: 'net.ipv4.ping_group_range', value: '0 2147483647' }] },
    containers: [{ securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } }],
  })
})

t.test('it explains every reason, every finding and every number', async t => {
  for (const reason of [...unmeasuredReasons, ...dropReasons]) t.ok(page.includes(`| \`${reason}\` |`), reason)
  for (const { what } of selfTest()) t.ok(page.includes(`\`${what}\``), what)
  for (const port of Object.values(responderPorts)) t.ok(page.includes(String(port)), `port ${port}`)
  for (const label of interceptionRemedy.match(/\S+\/\S+: \S+/g)!) t.ok(page.includes(`\`${label}\``), label)
  t.ok(page.includes(nobody.address))
  t.ok(page.includes(`${defaultMemoryBytes / 2 ** 20} MiB are kept in memory`))
})

t.test('its links lead somewhere', async t => {
  for (const [, path = ''] of page.matchAll(/\]\(([^)#]+)\)/g))
    t.ok(readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8'), path)
})
