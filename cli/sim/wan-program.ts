/**
 * The WAN's container of the simulation: `node wan-program.ts <shared folder>` joins the networks and obeys `probe sim fault` in the same container. Ends with
 * code 3 and a line when it can't take its place.
 */
import { rmSync } from 'node:fs'
import { containerLayout, startContainersWan } from '../../deploy/sim/clouds/containers.ts'
import { startPlaying } from '../../deploy/sim/clouds/playing.ts'
import { serveControl } from './control.ts'
import { listMachines } from './machines.ts'
import { answerBy } from './open.ts'
import { controlSocket, makeStateFolder } from './state.ts'

/** Where docker-compose.yml shows the controller on the machine. */
const url = 'https://127.0.0.1:8443'

const folder = process.argv[2]!
const startedMs = Date.now()
try {
  const problem = makeStateFolder(process.env)
  if (problem) throw new Error(problem)
  const wan = await startContainersWan(folder, Date.now)
  const playing = startPlaying(wan.stage, Date.now)
  const status = () => ({ pid: process.pid, startedMs, url, folder, machines: listMachines(containerLayout), faults: playing.list() })
  rmSync(controlSocket(process.env), { force: true })
  await serveControl(controlSocket(process.env), answerBy(status, playing))
  process.stdout.write(`${JSON.stringify({ listening: 'the WAN' })}\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void wan.stop())
  process.stdout.write(`${await wan.ended}\n`)
  process.exit(0)
} catch (error) {
  process.stderr.write(`probe sim: the WAN can't take its place: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(3)
}
