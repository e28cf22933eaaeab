/** The last link: one authorised request with the credential, told apart from an exchange that failed. */
import { type Credential, readCallAnswer } from '../judge/federation/answers.ts'
import { type CallPlan, judgeCall } from '../judge/federation/call.ts'
import { redact } from '../judge/federation/redact.ts'
import type { Finding } from '../judge/federation/token.ts'
import type { Ended } from './federation-links.ts'
import { findingOf, note, type Run } from './federation-run.ts'
import { signAwsRequest } from './identity/aws-request.ts'

/** The authorised call; undefined when it was answered as it should be. */
export const callWith = async (run: Run, plan: CallPlan, credential: Credential): Promise<Finding | undefined | Ended> => {
  const { url, method, body, preset } = plan
  const start = performance.now()
  const question =
    credential.kind === 'aws'
      ? await signAwsRequest({ url, method, headers: plan.headers, body }, credential, plan.signing)
      : {
          url,
          method,
          headers: { ...plan.headers, authorization: `Bearer ${credential.token.reveal()}` },
          ...(body !== undefined && { body }),
        }
  const reply = await run.ask(question, run.signal)
  const base = { endpoint: `${url.origin}${url.pathname}`, preset, method }
  if ('outcome' in reply) {
    run.measured.call = { ...base, status: null, code: null, message: null, requestId: null }
    const finding = findingOf(reply.outcome)
    if (!finding) return { outcome: reply.outcome }
    note(run, 'call', performance.now() - start, '', finding)
    return finding
  }
  const { status } = reply.answer
  const said =
    status >= 200 && status < 300
      ? { code: null, message: null, requestId: readCallAnswer(reply.answer).requestId }
      : readCallAnswer(reply.answer)
  const message = said.message === null ? null : redact(said.message, run.secrets)
  run.measured.call = { ...base, status, ...said, message }
  const reason = judgeCall({ status, code: said.code, federated: credential.kind === 'bearer' && credential.federated })
  const text = `${method} ${base.endpoint} answered HTTP ${status}${said.code === null ? '' : ` ${said.code}`}${message === null ? '' : `: ${message}`}`
  const finding = reason && {
    reason,
    detail: `the credential was obtained, and ${text}${said.requestId === null ? '' : ` (request ${said.requestId})`}`,
  }
  note(run, 'call', performance.now() - start, text, finding)
  return finding
}
