import { inspect } from 'node:util'
import t from 'tap'
import { Secret } from '../../wire/secret.ts'

t.test('a secret is shown as *** by every way of printing', async t => {
  const canary = 'canary-7f3a'
  const secret = new Secret(canary)
  const nested = { deep: { list: [secret], map: new Map([['key', secret]]) } }
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify(nested),
    inspect(nested, { depth: 9, showHidden: true }),
    inspect(secret, { showHidden: true, customInspect: false }),
    inspect(Object.assign(new Error('with a secret'), { secret }), { showHidden: true }),
    JSON.stringify(Object.entries(secret)),
    JSON.stringify(structuredClone({ ...secret })),
    secret.toLocaleString(),
    inspect(secret.valueOf()),
  ]
  for (const text of shown) t.notMatch(text, canary)
  t.equal(`${secret}`, '***')
  t.equal(JSON.stringify([secret]), '["***"]')
  t.equal(inspect(secret), '***')
  t.equal(secret.reveal(), canary)
})
