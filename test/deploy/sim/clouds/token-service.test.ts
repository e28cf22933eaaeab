/** The simulation's token service: it takes what a cluster signed for the right pod, and refuses everything else in the words of AWS. */
import t from 'tap'
import { workload } from '../../../../deploy/sim/clouds/clouds.ts'
import { containerLayout } from '../../../../deploy/sim/clouds/containers.ts'
import { documentsOf, issuerOf, makeFederated } from '../../../../deploy/sim/clouds/federated.ts'
import { usualDates } from '../../../../deploy/sim/clouds/identity.ts'
import { answerForm } from '../../../../deploy/sim/clouds/token-service.ts'
import { readAwsAnswer } from '../../../../judge/federation/answers.ts'

const nowMs = Date.now()
const federated = await makeFederated(containerLayout, usualDates(nowMs), nowMs)
const documents = documentsOf(federated, containerLayout)
const policy = { role: workload.role, issuer: issuerOf(containerLayout), subject: workload.subject, audience: workload.audience }
const fetchJson = async (url: string): Promise<unknown> => {
  const document = documents[new URL(url).pathname]
  if (document === undefined) throw new Error(`nothing at ${url}`)
  return JSON.parse(document)
}
type Change = {
  token?: string
  role?: string
  subject?: string
  audience?: string
  issuer?: string
  atMs?: number
  fetchJson?: typeof fetchJson
}

/** What a reader of AWS's answers makes of it. */
const ask = async ({
  token = federated.token,
  role = workload.role,
  atMs = nowMs,
  fetchJson: fetched = fetchJson,
  ...change
}: Change = {}) => {
  const form = new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', RoleArn: role, WebIdentityToken: token })
  const { status, body } = await answerForm(form, { policy: { ...policy, ...change }, fetchJson: fetched, nowMs: atMs })
  const read = readAwsAnswer({ status, headers: {}, body })
  return read.kind === 'granted' ? read.identity : read.kind === 'refused' ? `${read.code}: ${read.message}` : read.detail
}

t.test('the token of the right pod is good for the role', async t => {
  t.equal(await ask(), 'arn:aws:sts::111122223333:assumed-role/predictor/causeway')
})

t.test('whatever is not as the policy says is refused by name', async t => {
  const denied = 'AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity'
  t.equal(await ask({ subject: 'system:serviceaccount:ml-staging:predictor' }), denied)
  t.equal(await ask({ role: 'arn:aws:iam::111122223333:role/other' }), denied)
  t.equal(await ask({ audience: 'api://AzureADTokenExchange' }), 'InvalidIdentityToken: Incorrect token audience')
  t.match(await ask({ issuer: `${policy.issuer}/` }), /^InvalidIdentityToken: No OpenIDConnect provider found in your account for https/)
  t.match(await ask({ atMs: nowMs + 30 * 86_400_000 }), /^ExpiredTokenException: Token expired: /)
  t.match(await ask({ token: 'abc' }), /^InvalidIdentityToken: The ID Token provided is not a valid JWT/)
})

t.test('a signature that is not of the issuer, and an issuer that nobody reaches', async t => {
  const other = await makeFederated(containerLayout, usualDates(nowMs), nowMs)
  t.match(await ask({ token: other.token }), /could not be validated by AWS\.$/)
  t.match(await ask({ fetchJson: () => Promise.reject(new Error('unreachable')) }), /Couldn't retrieve verification key/)
})
