/** A real `probe agent` that dies under what it was told: a new assignment is given up, and the one before runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startFakeController, until } from '../agent/controller/fake-controller.ts'
import { joinText } from '../agent/controller/following.ts'
import { startAgentHere } from '../lab/agent-here.ts'
import { listen } from '../servers/listening.ts'

t.test('killed three times under a new assignment, it starts with the one before and refuses the new one', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'poison-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const target = await listen(createServer(socket => socket.end()))
  t.teardown(target.close)
  const controller = await startFakeController(t)
  const config = { controller: { url: controller.url, joinToken: joinText() }, responder: { enabled: false } }
  const assignment = (revision: string): object => ({
    revision,
    generation: 1,
    targets: [{ name: 'there', address: `127.0.0.1:${target.port}` }],
    checks: [{ name: revision, kind: 'tcp', every: '1s' }],
  })
  const toldOf = (revision: string, outcome: string) => (): boolean =>
    controller.asked.ack.some(({ body }) => body.revision === revision && body.outcome === outcome)
  const first = await startAgentHere(folder, config)
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignment('before'), 'before')
  await until(toldOf('before', 'running'))
  controller.say('assignment', assignment('poison'), 'poison')
  await until(toldOf('poison', 'running'))
  let agent = first
  for (let deaths = 1; deaths <= 3; deaths++) {
    const gone = new Promise(resolve => agent.child.once('exit', resolve))
    agent.child.kill('SIGKILL')
    await gone
    controller.asked.ack.length = 0
    agent = await startAgentHere(folder, config)
    const runs = deaths < 3 ? 'poison' : 'before'
    await until(toldOf(runs, 'running'))
    t.pass(`after ${deaths} deaths it runs ${runs}`)
  }
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignment('poison'), 'poison')
  await until(toldOf('poison', 'refused'))
  t.match(await agent.end(), { status: 0 })
  t.equal(controller.asked.enrol.length, 1, 'as the same agent all the time')
})
