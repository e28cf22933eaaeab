/** Kills the whole controller under load and starts it again. Bar: no acknowledged batch is missing, none counts twice, agents come back with what they know. */
import { parseArgs } from 'node:util'
import { killController } from '../lab/controller-kill.ts'
import { machine } from './machine.ts'
import { note, report } from './report.ts'

const options = { rounds: { type: 'string', default: '500' }, agents: { type: 'string', default: '8' } } as const

await report(async () => {
  const { values } = parseArgs({ options })
  const [rounds, agents] = [Number(values.rounds), Number(values.agents)]
  const onRound = (round: number): void => {
    if (round % 10 === 0) note(`round ${round + 1} of ${rounds}`)
  }
  const result = await killController({ rounds, agents, random: Math.random, onRound })
  const pass = result.missing === 0 && result.doubled === 0 && result.faults.length === 0
  return { bench: 'controller-kill', machine: machine(), agents, ...result, pass }
})
