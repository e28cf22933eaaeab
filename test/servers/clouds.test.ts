/** The local clouds, judged by the clouds' own libraries: these get credentials where the cloud would give them, and fail where it would refuse. */

import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { ClientAssertionCredential } from '@azure/identity'
import { ExternalAccountClient } from 'google-auth-library'
import t from 'tap'
import { account, clientId, providerOf, role, startWorld, subject, tenantId, type World } from './cloud-world.ts'

const world = await startWorld()
t.teardown(() => world[Symbol.asyncDispose]())
const ca = world.authority.certPem

const sts = (credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => {
  return new STSClient({
    region: 'us-east-1',
    endpoint: world.aws.url,
    maxAttempts: 1,
    requestHandler: { httpsAgent: new Agent({ ca }) },
    credentials: credentials ?? { accessKeyId: 'none', secretAccessKey: 'none' },
  })
}

const assume = async (token: string, more: { DurationSeconds?: number } = {}) => {
  const client = sts()
  return client.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: role,
      RoleSessionName: 'test',
      WebIdentityToken: token,
      DurationSeconds: 900,
      ...more,
    }),
  )
}

t.test('AWS: the SDK assumes a role and is who it should be', async t => {
  const answer = await assume(await world.issuers.eks.token({ subject }))
  t.equal(answer.SubjectFromWebIdentityToken, subject)
  t.equal(answer.AssumedRoleUser?.Arn, 'arn:aws:sts::111122223333:assumed-role/ml-predictor/test')
  const { AccessKeyId, SecretAccessKey, SessionToken } = answer.Credentials!
  const client = sts({ accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken })
  const who = await client.send(new GetCallerIdentityCommand({}))
  t.equal(who.Account, '111122223333')
  const thief = sts({ accessKeyId: AccessKeyId!, secretAccessKey: 'another', sessionToken: SessionToken })
  await t.rejects(thief.send(new GetCallerIdentityCommand({})), { name: 'SignatureDoesNotMatch' })
})

t.test('AWS: the SDK fails as it would there', async t => {
  const { eks } = world.issuers
  await t.rejects(assume(await eks.token({ subject, audience: 'vault' })), {
    name: 'InvalidIdentityTokenException',
    message: /Incorrect token audience/,
  })
  await t.rejects(assume(await eks.token({ subject: 'system:serviceaccount:ml-old:predictor' })), { name: 'AccessDenied' })
  await t.rejects(assume(await eks.token({ subject, issuedIn: -7200, expiresIn: -3600 })), { name: 'ExpiredTokenException' })
  await t.rejects(assume(await eks.forged({ subject })), { name: 'InvalidIdentityTokenException' })
  await t.rejects(assume(await eks.token({ subject, claims: { iss: 'https://other.example' } })), {
    message: /No OpenIDConnect provider found/,
  })
  await t.rejects(assume(await eks.token({ subject }), { DurationSeconds: 60 }), { name: 'ValidationError' })
  eks.fail('not found')
  await t.rejects(assume(await eks.token({ subject })), { message: /Couldn't retrieve verification key/ })
  eks.fail(undefined)
})

const entraToken = async (token: string): Promise<string> => {
  const credential = new ClientAssertionCredential(tenantId, clientId, async () => token, {
    authorityHost: world.entra.url,
    disableInstanceDiscovery: true,
    tlsOptions: { ca },
    retryOptions: { maxRetries: 0 },
  } as never)
  return (await credential.getToken('https://storage.azure.com/.default')).token
}

t.test('Azure: the SDK gets a token that Blob Storage takes, and fails as it would there', async t => {
  const { aks } = world.issuers
  const audience = 'api://AzureADTokenExchange'
  const token = await entraToken(await aks.token({ subject, audience }))
  t.ok(token.length > 100)
  await t.rejects(entraToken(await aks.token({ subject, audience: 'api://other' })), { message: /AADSTS700212/ })
  await t.rejects(entraToken(await aks.token({ subject: 'system:serviceaccount:ML:predictor', audience })), { message: /AADSTS7002138/ })
  await t.rejects(entraToken(await aks.token({ subject: 'system:serviceaccount:ml-2:predictor', audience })), { message: /AADSTS700213:/ })
  await t.rejects(entraToken(await aks.token({ subject, audience, claims: { iss: `${aks.issuer}/` } })), { message: /AADSTS700211/ })
  await t.rejects(entraToken(await aks.token({ subject, audience, issuedIn: -7200, expiresIn: -3600 })), { message: /AADSTS700024/ })
  aks.fail('not found')
  await t.rejects(entraToken(await aks.token({ subject, audience })), { message: /AADSTS90061/ })
  aks.fail(undefined)
})

/** google-auth-library with our authority: its transport is given an agent that knows it. */
const googleClient = (file: Record<string, unknown>) => {
  const client = ExternalAccountClient.fromJSON(file as never)!
  const inner = (client as unknown as { stsCredential: { transporter: typeof client.transporter } }).stsCredential
  for (const { transporter } of [client, inner]) transporter.defaults = { ...transporter.defaults, agent: new Agent({ ca }), retry: false }
  client.scopes = ['https://www.googleapis.com/auth/cloud-platform']
  return client
}
const googleToken = async (world: World, token: string, change: Record<string, unknown> = {}): Promise<string | null | undefined> => {
  const path = world.file('google-token', token)
  const file = JSON.parse(readFileSync(world.externalAccount('gke', path, change), 'utf8')) as Record<string, unknown>
  return (await googleClient(file).getAccessToken()).token
}

t.test('GCP: the library exchanges, impersonates, and fails as it would there', async t => {
  const { gke } = world.issuers
  const audience = `https:${providerOf('gke')}`
  const token = await googleToken(world, await gke.token({ subject, audience }))
  t.match(token, /^ya29\.c\./, `the token of ${account}`)
  await t.rejects(googleToken(world, await gke.token({ subject, audience: 'other' })), { message: /does not match the expected audience/ })
  await t.rejects(googleToken(world, await gke.token({ subject, audience, issuedIn: -7200, expiresIn: -3600 })), {
    message: /stale to sign-in/,
  })
  await t.rejects(googleToken(world, await gke.token({ subject: 'system:serviceaccount:ml-old:predictor', audience })), {
    message: /getAccessToken/,
  })
  await t.rejects(googleToken(world, await gke.token({ subject, audience }), { audience: providerOf('deleted') }), {
    message: /invalid_target|target service/,
  })
})

t.test('Blob Storage refuses a token that nobody issued', async t => {
  const status = await new Promise(resolve => {
    const headers = { authorization: 'Bearer stolen', 'x-ms-version': '2021-12-02' }
    httpsRequest(`${world.entra.url}/models?restype=container&comp=list`, { ca, headers }, answer =>
      resolve(answer.resume().statusCode),
    ).end()
  })
  t.equal(status, 401)
})
