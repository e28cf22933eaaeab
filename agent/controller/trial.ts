/**
 * Whether a new assignment is good for this agent. For its first minutes it is on trial: when the process ends without being told to, three times, the one before
 * is taken up again and this one not any more. Pure.
 */

/** `revision`: what is on trial. `crashes`: processes that ended under it. `isOver`: the last one ended as it should. `bad`: what is not taken any more. */
export type Trial = { revision?: string; crashes: number; isOver?: boolean; bad?: string }

export const trialMs = 5 * 60_000
const mostCrashes = 3

export const noTrial: Trial = { crashes: 0 }

/** At the start of a process, with what the one before has left: go on with it, or back to the one before. */
export const judgeStart = (trial: Trial): { trial: Trial; back: boolean } => {
  if (trial.revision === undefined) return { trial, back: false }
  const crashes = trial.isOver ? trial.crashes : trial.crashes + 1
  if (crashes >= mostCrashes) return { trial: { crashes: 0, bad: trial.revision }, back: true }
  return { trial: { ...trial, crashes, isOver: false }, back: false }
}

/** Another assignment begins. What was bad stays so until something else has stood the trial. */
export const beginTrial = ({ bad }: Trial, revision: string): Trial => ({ revision, crashes: 0, ...(bad === undefined ? {} : { bad }) })

export const endTrial = (): Trial => noTrial

export const readTrial = (text: string | undefined): Trial => {
  try {
    const { revision, crashes, isOver, bad } = JSON.parse(text ?? '{}') as Partial<Trial>
    const isText = (one: unknown): one is string => typeof one === 'string'
    return {
      crashes: Number.isInteger(crashes) ? crashes! : 0,
      ...(isText(revision) && { revision }),
      ...(isText(bad) && { bad }),
      ...(isOver === true && { isOver }),
    }
  } catch {
    return noTrial
  }
}
