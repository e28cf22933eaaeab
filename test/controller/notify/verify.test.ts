/** The receiver's half that docs/notifications.md gives away is run as it stands there. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { signatureOf } from '../../../controller/notify/webhook.ts'
import { Secret } from '../../../wire/secret.ts'

const page = readFileSync(new URL('../../../docs/notifications.md', import.meta.url), 'utf8')
const [, code = ''] = /```js\n([\s\S]*?)```/.exec(page) ?? []
type Check = (headers: Record<string, string>, body: string, key: string, nowMs: number) => boolean

t.test('it takes what the controller signed, and nothing else', async t => {
  const { isGenuine } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { isGenuine: Check }
  const body = '{"id":"ä"}'
  const headers = signatureOf(body, 1000, new Secret('k'))
  t.ok(isGenuine(headers, body, 'k', 1_000_000))
  t.notOk(isGenuine(headers, `${body} `, 'k', 1_000_000), 'another body')
  t.notOk(isGenuine(headers, body, 'l', 1_000_000), 'another key')
  t.notOk(isGenuine({ ...headers, 'causeway-timestamp': '1001' }, body, 'k', 1_000_000), 'another time')
  t.notOk(isGenuine(headers, body, 'k', 1_301_000), 'sent again later')
  t.notOk(isGenuine(signatureOf(body, 1000), body, 'k', 1_000_000), 'not signed')
  t.notOk(isGenuine({ ...headers, 'causeway-timestamp': 'x' }, body, 'k', 1_000_000))
})
