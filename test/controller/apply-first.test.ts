/** A controller with a fleet file lets nobody in before it knows that fleet: agents that start at the same moment would be refused. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { startController } from '../../controller/controller.ts'

t.test('the fleet file is applied before anybody is let in', async t => {
  const data = mkdtempSync(join(tmpdir(), 'causeway-apply-first-'))
  t.teardown(() => rmSync(data, { recursive: true }))
  const order: string[] = []
  const note = (text: string): void => void (text.includes('listening at') && order.push('listens'))
  const controller = await startController(
    {
      listen: { host: '127.0.0.1', port: 0, scheme: 'http' },
      names: [],
      data,
      exports: [],
      retention: { minutesMs: 3_600_000, tenMinutesMs: 3_600_000, hoursMs: 3_600_000 },
    },
    {
      log: pino({ level: 'info' }, new Writable({ write: (text, _encoding, done) => done(void note(String(text))) })),
      ...{ version: '0.0.0', hostname: 'here', addresses: [], environment: {}, chance: Math.random, random: bytes => randomBytes(bytes) },
      ...{ nowMs: Date.now, elapsedMs: () => performance.now(), print: () => {} },
      applyFirst: async apply => {
        const applied = await apply('apiVersion: causeway/v1\nowner: net\ntargets: [{ name: site, address: 192.0.2.9 }]\n', 'a file')
        t.match(applied, { ok: true, outcome: 'applied', generation: 1 })
        order.push('applied')
      },
    },
  )
  t.teardown(() => controller.close())
  t.same(order, ['applied', 'listens'])
  const answer = await fetch(`${controller.url}/v1/fleet`, { headers: { authorization: `Bearer ${controller.bootstrap!.reveal()}` } })
  t.match(await answer.json(), { generation: 1 })
})
