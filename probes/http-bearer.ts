import { planToken } from '../judge/federation/token-plan.ts'
import type { Options } from '../wire/options.ts'
import type { Allow } from './allow.ts'
import { unmeasured } from './finding.ts'
import { createAsk } from './identity/ask.ts'
import type { Secret } from './identity/secret.ts'
import type { Got } from './identity/token.ts'
import { readToken } from './identity/token-source.ts'

/** The bearer of a request, read or asked for anew; what keeps us from having it is this side's trouble, and no verdict on the service. */
export const readBearer = async (options: Options['http'], signal: AbortSignal, allow: Allow): Promise<Got<Secret>> => {
  const { timeoutMs, source, audience, environment = {}, headers } = options
  if (Object.keys(headers).some(name => name.toLowerCase() === 'authorization'))
    return { outcome: unmeasured('config_invalid', 'the header authorization is given beside a token source, want one of the two') }
  const plan = planToken({ options, variables: environment, audience })
  if (!plan.ok) return { outcome: unmeasured('config_invalid', plan.problems.join('; ')) }
  const token = await readToken(plan.value, createAsk({ kind: 'http', timeoutMs, source, allow }), signal, Date.now())
  if ('outcome' in token) {
    const { outcome } = token
    return outcome.kind === 'fail' ? { outcome: unmeasured('config_invalid', `no bearer to send: ${outcome.detail}`) } : token
  }
  if (token.got.form === 'aws_credentials') return { outcome: unmeasured('config_invalid', 'AWS keys are no bearer') }
  const { text } = token.got
  // A field value of any other characters could start another field (RFC 9110 §5.5).
  if (!/^[!-~]+$/.test(text.reveal()))
    return { outcome: unmeasured('config_invalid', `${token.got.source}: what is there can be no bearer`) }
  return { got: text }
}
