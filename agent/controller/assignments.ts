/** What the controller has told this agent to do: run, kept for the next start, and acknowledged. */
import type { Acknowledgement } from '../../wire/api/assignments.ts'
import type { Assignment } from '../agent.ts'
import { inTurn } from '../in-turn.ts'
import type { Log } from '../log.ts'
import type { Keep } from './kept.ts'
import { type AssignmentHead, readAssignmentMessage } from './messages.ts'
import { beginTrial, endTrial, judgeStart, readTrial, type Trial, trialMs as usualTrialMs } from './trial.ts'

export type Assignments = {
  /** What was kept, before the controller is there. */
  resume(): Promise<void>
  /** The data of an event. */
  take(text: string): Promise<void>
  /** Of what runs now. */
  revision(): string | undefined
  /** The process ends as it should. */
  close(): Promise<void>
}

type Parts = {
  keep: Keep
  assign: (work: unknown, generation: number) => Promise<Assignment>
  acknowledge: (one: Acknowledgement) => void
  log: Log
  /** Of this agent. */
  version: string
  trialMs?: number
}

const [now, before, trialName] = ['assignment.json', 'assignment-before.json', 'trial.json'] as const
const mostProblems = 1000
const mostProblemLength = 1024

export const openAssignments = ({ keep, assign, acknowledge, log, version, trialMs = usualTrialMs }: Parts): Assignments => {
  const change = inTurn()
  let trial = readTrial(keep.read(trialName), version)
  let running: { head: AssignmentHead; text: string } | undefined
  let timer: NodeJS.Timeout | undefined

  const setTrial = (next: Trial): void => {
    trial = next
    keep.write(trialName, JSON.stringify(trial))
    clearTimeout(timer)
    if (trial.revision !== undefined) timer = setTimeout(() => setTrial(endTrial(trial)), trialMs).unref()
  }

  /** Runs it; what can't be run at all leaves everything as it was. */
  const run = async (head: AssignmentHead, text: string): Promise<boolean> => {
    const { taken, paths, problems } = await assign(head.work, head.generation)
    if (!taken) refuse(head, problems)
    else {
      running = { head, text }
      acknowledge(acknowledgementOf(head, 'running', problems, paths))
    }
    return taken
  }

  const refuse = (head: AssignmentHead, problems: readonly string[]): void => {
    log.error({ revision: head.revision, generation: head.generation, problems }, 'assignment refused, the one before goes on')
    acknowledge(acknowledgementOf(head, 'refused', problems))
  }

  const takeNew = async (head: AssignmentHead, text: string): Promise<void> => {
    const [wasTrial, was] = [trial, running]
    // Written down before it runs: what it does to this process is counted at the next start.
    if (was && trial.crashes === 0) keep.write(before, was.text)
    setTrial(beginTrial(trial, head.revision))
    if (!keep.write(now, text)) log.warn({ directory: keep.directory }, 'the assignment cannot be kept for the next start')
    if (await run(head, text)) return
    setTrial(wasTrial)
    if (was) keep.write(now, was.text)
    else keep.remove(now)
  }

  /** Once only: what came before that is not known. */
  const goBack = (bad: string | undefined): void => {
    const text = keep.read(before)
    if (text === undefined) keep.remove(now)
    else keep.write(now, text)
    keep.remove(before)
    log.error({ revision: bad }, 'an assignment has ended this agent three times: back to the one before')
  }

  return {
    resume: () =>
      change(async () => {
        const started = judgeStart(trial)
        if (started.back) goBack(started.trial.bad)
        const text = keep.read(now)
        const head = text === undefined ? undefined : readAssignmentMessage(text)
        if (started.back && head?.ok) setTrial(beginTrial(started.trial, head.value.revision, true))
        else if (trial.revision !== undefined) setTrial(started.trial)
        if (!head?.ok) return
        log.info({ generation: head.value.generation }, 'goes on with the assignment that it had')
        await run(head.value, text!)
      }),
    take: text =>
      change(async () => {
        const read = readAssignmentMessage(text)
        if (!read.ok) return log.error({ problems: read.problems }, 'an assignment that cannot be read, the one before goes on')
        const head = read.value
        if (head.revision === trial.bad)
          return refuse(head, ['it has ended this agent three times within five minutes of its start: another one is needed'])
        if (head.revision === running?.head.revision) {
          running = { head, text }
          await run(head, text)
        } else await takeNew(head, text)
      }),
    revision: () => running?.head.revision,
    close: () =>
      change(async () => {
        if (trial.revision !== undefined) setTrial({ ...trial, isOver: true })
        clearTimeout(timer)
      }),
  }
}

const acknowledgementOf = (
  { revision, generation }: AssignmentHead,
  outcome: Acknowledgement['outcome'],
  problems: readonly string[],
  paths?: number,
): Acknowledgement => ({
  revision,
  generation,
  outcome,
  problems: problems.slice(0, mostProblems).map(text => text.slice(0, mostProblemLength)),
  ...(paths === undefined ? {} : { paths }),
})
