/** Answers TokenReviews the way that a Kubernetes API server does, or wrong in one way; and what a pod of its cluster has mounted. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { makeAuthority } from '../../servers/authority.ts'
import { listen } from '../../servers/listening.ts'

type Review = { apiVersion: string; kind: string; spec: { token: string; audiences: string[] } }
export type Asked = { authorization: string | undefined; path: string; review: Review }
export type ReviewAnswer = (response: ServerResponse, asked: Asked) => void

const json = (response: ServerResponse, status: number, body: unknown): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>

/** As a real one answers to a good token; `change` makes it another. */
export const knows =
  (change: (status: Record<string, unknown>) => Record<string, unknown> = status => status): ReviewAnswer =>
  (response, { review }) => {
    const { sub, 'kubernetes.io': bound } = claimsOf(review.spec.token) as {
      sub: string
      'kubernetes.io'?: Record<string, { name: string; uid: string }>
    }
    const extra = Object.fromEntries(
      (['pod', 'node'] as const).flatMap(object =>
        bound?.[object]
          ? (['name', 'uid'] as const).map(member => [`authentication.kubernetes.io/${object}-${member}`, [bound[object]![member]]])
          : [],
      ),
    )
    const user = { username: sub, uid: 's1', groups: ['system:serviceaccounts', 'system:authenticated'], extra }
    json(response, 201, { ...review, metadata: {}, status: change({ authenticated: true, user, audiences: review.spec.audiences }) })
  }

export const saysNo =
  (error?: string): ReviewAnswer =>
  (response, { review }) =>
    json(response, 201, { ...review, status: { user: {}, ...(error === undefined ? {} : { error }) } })
export const answersStatus =
  (status: number): ReviewAnswer =>
  response =>
    json(response, status, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: status })
export const answersText =
  (text: string): ReviewAnswer =>
  response =>
    void response.writeHead(201).end(text)
export const hangs: ReviewAnswer = () => {}
export const hangsUp: ReviewAnswer = response => void response.socket?.destroy()

export type TestApiServer = {
  url: string
  /** What is mounted: `token` and `ca.crt`. */
  directory: string
  asked: Asked[]
  answerWith(answer: ReviewAnswer): void
  close(): Promise<void>
}

export const startApiServer = async (t: Test, ownToken: string): Promise<TestApiServer> => {
  const authority = await makeAuthority({ name: 'kubernetes' })
  const { certPem, keyPem } = await authority.issue({ addresses: ['127.0.0.1'] })
  const directory = mkdtempSync(join(tmpdir(), 'causeway-serviceaccount-'))
  writeFileSync(join(directory, 'token'), `${ownToken}\n`)
  writeFileSync(join(directory, 'ca.crt'), authority.certPem)
  const asked: Asked[] = []
  let current: ReviewAnswer = knows()
  const read = async (request: IncomingMessage): Promise<Asked> => {
    const parts: Buffer[] = []
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
    return {
      authorization: request.headers.authorization,
      path: `${request.method} ${request.url}`,
      review: JSON.parse(Buffer.concat(parts).toString()) as Review,
    }
  }
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    void read(request).then(one => {
      asked.push(one)
      current(response, one)
    })
  })
  const { port, close } = await listen(server)
  t.teardown(async () => {
    await close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { url: `https://127.0.0.1:${port}`, directory, asked, answerWith: answer => (current = answer), close }
}
