import t from 'tap'
import { parseRunWords } from '../../cli/run-options.ts'
import { hideOptions, hideWords } from '../../cli/secrets.ts'

t.test('the words of a command keep no secret', async t => {
  t.same(
    hideWords([
      'run',
      'https://a/b?token=x',
      '--header',
      'Authorization: x',
      '--header=x-key: x',
      '--header=x',
      '--body',
      'x',
      '--body=x',
      '--sni',
      'a',
    ]),
    [
      'run',
      'https://a/b?***',
      '--header',
      'Authorization: ***',
      '--header=x-key: ***',
      '--header=***',
      '--body',
      '***',
      '--body=***',
      '--sni',
      'a',
    ],
  )
})

t.test('the options keep the names of headers and no value', async t => {
  const parsed = await parseRunWords(
    { targets: ['https://a/b?c=s3cret'], flags: { header: ['X-Key: s3cret'], method: ['POST'], body: ['s3cret'] } },
    [4],
  )
  if (!parsed.ok) return t.fail(parsed.problems.join('\n'))
  const shown = hideOptions({ ...parsed.value.options, http: { ...parsed.value.options.http, path: '/b?c=s3cret', key: 's3cret' } })
  t.notMatch(JSON.stringify(shown), /s3cret/)
  t.match(shown, { http: { path: '/b?***', headers: { 'x-key': '***' }, body: '***', key: '***', method: 'POST' } })
})
