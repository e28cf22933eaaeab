/** The real agent under the real controller, which is killed and stays away for a while. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { HistoryAnswer } from '../../wire/api/measured.ts'
import { freePorts, waitFor } from '../interop/programs.ts'
import { policyText, readLedger, startAgentHere } from '../lab/agent-here.ts'
import { startBalancer } from '../lab/balancer.ts'
import { personAt, startControllerProcess } from '../lab/controller-process.ts'
import { listen } from '../servers/listening.ts'

t.setTimeout(400_000)
/** Records that the agent makes while nobody takes them: one each ten seconds. */
const waitingRecords = 3

/** The numbers of the batches that went through, in order; requests may be cut anywhere. */
const openSniffer = () => {
  const sent: number[] = []
  let text = ''
  return {
    sent,
    onBytes: (bytes: Buffer): void => {
      text += bytes.toString('latin1')
      let end = 0
      for (const found of text.matchAll(/\r\ncauseway-sequence: (\d+)(?=\r\n)/gi)) {
        sent.push(Number(found[1]))
        end = found.index + found[0].length
      }
      text = text.slice(Math.max(end, text.length - 64))
    },
  }
}

t.test('an agent measures on and keeps all of it; then everything arrives once, newest first', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'away-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const target = await listen(createServer(socket => void socket.resume()))
  t.teardown(target.close)
  const check = { name: 'here-tcp', kind: 'tcp', every: '1s', targets: ['here'] }
  const fleet = {
    apiVersion: 'causeway/v1',
    targets: [{ name: 'here', address: `127.0.0.1:${target.port}`, location: 'aws/here' }],
    checks: [check],
  }
  writeFileSync(join(folder, 'fleet.yaml'), JSON.stringify(fleet))
  const [port = 0] = await freePorts(1)
  const start = () => startControllerProcess({ data: join(folder, 'controller'), port, words: ['--fleet', join(folder, 'fleet.yaml')] })
  const controller = await start()
  t.teardown(() => controller.child.kill('SIGKILL'))
  const sniffer = openSniffer()
  const balancer = await startBalancer(t, { ports: [port], onBytes: sniffer.onBytes })
  const person = personAt(controller.url, controller.token)
  writeFileSync(join(folder, 'join-token'), await person.joinToken('here-1'))
  writeFileSync(join(folder, 'policy.yaml'), policyText)
  const agent = await startAgentHere(folder, {
    agent: { interception: 'off' },
    policy: 'policy.yaml',
    controller: { url: balancer.url, joinToken: { file: 'join-token' } },
    responder: { enabled: false },
  })
  t.teardown(() => agent.child.kill('SIGKILL'))
  await waitFor('data', async () => (sniffer.sent.length >= 1 && target.connections() > 0 ? true : undefined), 60_000)

  await controller.kill()
  const [measured, before] = [target.connections(), sniffer.sent.length]
  await agent.hear(/^the controller is away; what it has assigned goes on$/)
  await waitFor('measurements', async () => (target.connections() >= measured + waitingRecords * 10 ? true : undefined), 120_000)
  t.equal(sniffer.sent.length, before, 'nobody took anything')
  const again = await start()
  t.teardown(() => again.child.kill('SIGKILL'))
  const newest = await waitFor(
    'all that waited',
    async () => {
      const after = sniffer.sent.slice(before)
      const [first, last] = [Math.min(...sniffer.sent), Math.max(...sniffer.sent)]
      const isWhole = Array.from({ length: last - first + 1 }, (_, n) => first + n).every(one => sniffer.sent.includes(one))
      return after.length > waitingRecords && isWhole ? after : undefined
    },
    120_000,
  )
  t.comment(`sent: ${sniffer.sent.slice(0, before)}; then ${newest}`)
  // What was tried when the controller went away goes first, as it was; of the rest the oldest goes last.
  const [, ...rest] = newest
  t.ok(rest.indexOf(Math.min(...rest)) >= waitingRecords - 2, 'the oldest of the rest after newer ones')
  t.match(await agent.end(), { status: 0 })

  const ledger = await readLedger(folder, 'controller')
  t.match(ledger, { delivered: ledger.produced, spooled: 0, dropped: { size: 0, memory: 0, corrupt: 0, rejected: 0 } })
  const connects = target.connections()
  const runs = await waitFor('history', async () => {
    const { items } = await person.get<{ items: HistoryAnswer[] }>('/v1/history?groupBy=agent&window=30m&limit=100')
    const { ok = 0, fail = 0, unmeasured = 0 } = items[0]?.measured.runs ?? {}
    // The last one may not have ended with the agent.
    return ok + fail + unmeasured >= connects - 1 ? ok + fail + unmeasured : undefined
  })
  t.ok(runs <= connects, `${runs} runs in the history, ${connects} connections at the target`)
  t.match(await again.end(), { status: 0 })
})
