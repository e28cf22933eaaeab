/** The bearer of an HTTP check, from a token source. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startCloudServer } from '../servers/cloud-http.ts'
import { startMetadata } from '../servers/metadata.ts'
import { run, started, targetOf, word } from './targets.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const tokenFile = join(directory, 'token')
const http = { scheme: 'http' } as const

t.test('a token in a file is the bearer, read again for every run, and is in no result', async t => {
  const service = await started(
    t,
    startCloudServer(() => ({ status: 200, body: 'ok' })),
  )
  for (const token of ['first-token-of-this-test', 'second-token-of-this-test']) {
    writeFileSync(tokenFile, `${token}\n`)
    const result = await run('http', targetOf(service), { ...http, tokenFile })
    t.equal(word(result.outcome), 'ok')
    t.equal(service.asked.at(-1)!.headers.authorization, `Bearer ${token}`)
    t.notMatch(JSON.stringify(result), /token-of-this-test/)
  }
})

t.test('another origin, to which a redirect leads, does not get it', async t => {
  writeFileSync(tokenFile, 'token')
  const other = await started(
    t,
    startCloudServer(() => ({ status: 200 })),
  )
  const service = await started(
    t,
    startCloudServer(() => ({ status: 302, headers: { location: `${other.url}/` } })),
  )
  const result = await run('http', targetOf(service, '127.0.0.1'), { ...http, tokenFile, redirects: 1 })
  t.equal(word(result.outcome), 'ok')
  t.equal(service.asked[0]!.headers.authorization, 'Bearer token')
  t.equal(other.asked[0]!.headers.authorization, undefined)
})

t.test('metadata services give one for an audience', async t => {
  const service = await started(
    t,
    startCloudServer(() => ({ status: 200 })),
  )
  const metadata = await started(
    t,
    startMetadata({ azure: async resource => `azure-${resource}`, gcp: { identity: async audience => `gcp-${audience}` } }),
  )
  const environment = { AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata.url, GCE_METADATA_HOST: new URL(metadata.url).host }
  for (const tokenFrom of ['azure', 'gcp'] as const) {
    const result = await run('http', targetOf(service), { ...http, tokenFrom, audience: 'api://svc', environment })
    t.equal(word(result.outcome), 'ok', JSON.stringify(result.outcome))
    t.equal(service.asked.at(-1)!.headers.authorization, `Bearer ${tokenFrom}-api://svc`)
  }
})

t.test('no token is our own trouble, and the service is asked nothing', async t => {
  const service = await started(
    t,
    startCloudServer(() => ({ status: 200 })),
  )
  writeFileSync(tokenFile, 'two\r\nlines')
  const cases = [
    { tokenFile: join(directory, 'nothing') },
    { tokenFile },
    { tokenFrom: 'gcp' as const },
    { tokenFile, headers: { Authorization: 'Basic x' } },
  ]
  for (const options of cases) {
    const { outcome } = await run('http', targetOf(service), { ...http, ...options })
    t.match(outcome, { kind: 'unmeasured', reason: 'config_invalid' })
  }
  t.equal(service.asked.length, 0)
})
