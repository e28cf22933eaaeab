/** `probe sim status` and `probe sim fault`: asked from another terminal. */
import { faultNamed, faults } from '../../deploy/sim/clouds/faults.ts'
import { nearest } from '../../wire/near.ts'
import { quote } from '../../wire/values.ts'
import { asCalled } from '../as-called.ts'
import type { Io } from '../io.ts'
import { askSimulation, type Question, type Reply } from './control.ts'
import { controlSocket } from './state.ts'
import { faultsText, faultText, mapText, widthOf } from './text.ts'

const say = (io: Io, problem: string): 2 => {
  io.stderr.write(`probe sim: ${asCalled(problem, io.env)}\n`)
  return 2
}

const ask = async (question: Question, io: Io): Promise<Reply> =>
  (await askSimulation(controlSocket(io.env), question)) ?? { problem: 'no simulation runs here: probe sim starts one' }

/** Returns the exit code: 3 when none runs. */
export const statusCommand = async (isJson: boolean, io: Io): Promise<number> => {
  const { status, problem } = await ask({ ask: 'status' }, io)
  if (!status) {
    say(io, problem!)
    return 3
  }
  const on = status.faults.filter(fault => fault.on)
  io.stdout.write(
    isJson
      ? `${JSON.stringify(status)}\n`
      : `process ${status.pid}, since ${new Date(status.startedMs).toISOString()}, controller ${status.url}\n\n${mapText(status)}\n${
          on.length > 0 ? `Faults that are on\n${faultsText(on, true, widthOf(io))}` : 'No fault is on.\n'
        }`,
  )
  return 0
}

export const listFaults = async (isJson: boolean, io: Io): Promise<number> => {
  const running = await askSimulation(controlSocket(io.env), { ask: 'status' })
  const all =
    running?.status?.faults ?? faults.map(({ name, scenario, story, expect, look }) => ({ name, scenario, story, expect, look, on: false }))
  io.stdout.write(isJson ? `${JSON.stringify(all)}\n` : faultsText(all, running?.status !== undefined, widthOf(io)))
  return 0
}

/** Switches one on or off. */
export const faultCommand = async (name: string, on: boolean, isJson: boolean, io: Io): Promise<number> => {
  if (!faultNamed(name)) {
    const near = nearest(
      name,
      faults.map(fault => fault.name),
    )
    return say(io, `there is no fault ${quote(name)}, ${near ? `did you mean ${near}?` : 'probe sim fault list shows them'}`)
  }
  const { fault, problem } = await ask({ ask: 'fault', name, on }, io)
  if (!fault) {
    say(io, problem!)
    return 3
  }
  io.stdout.write(isJson ? `${JSON.stringify(fault)}\n` : asCalled(faultText(fault, widthOf(io)), io.env))
  return 0
}
