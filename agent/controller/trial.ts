/**
 * Whether a new assignment is good for this agent. For its first minutes it is on trial: when the process ends without being told to, three times, the one before
 * is taken up again, on trial too, and this one not any more. Pure.
 */

/**
 * `revision`: what is on trial. `crashes`: processes that ended under it. `isOver`: the last one ended as it should. `bad`: what is not taken any more.
 * `isBack`: what is on trial came before the bad one. `version`: of the agent; another one may bear what this one does not.
 */
export type Trial = { version: string; crashes: number; revision?: string; isOver?: boolean; bad?: string; isBack?: boolean }

export const trialMs = 5 * 60_000
const mostCrashes = 3

export const noTrial = (version: string): Trial => ({ version, crashes: 0 })

/** At the start of a process, with what the one before has left: go on with it, or back to the one before. */
export const judgeStart = (trial: Trial): { trial: Trial; back: boolean } => {
  const { version, revision, isOver } = trial
  if (revision === undefined) return { trial, back: false }
  const crashes = isOver ? trial.crashes : trial.crashes + 1
  if (crashes >= mostCrashes) return { trial: { version, crashes: 0, bad: revision, isBack: true }, back: true }
  return { trial: { ...trial, crashes, isOver: false }, back: false }
}

/** Another assignment begins; at a start that goes back, the one before. What was bad stays so. */
export const beginTrial = ({ version, bad, isBack }: Trial, revision: string, goesBack = false): Trial => ({
  version,
  revision,
  crashes: 0,
  ...(bad !== undefined && { bad }),
  ...(goesBack && isBack && { isBack }),
})

/** It has stood the trial. What was bad is, until a later one has. */
export const endTrial = ({ version, bad, isBack }: Trial): Trial => ({
  ...noTrial(version),
  ...(isBack && bad !== undefined && { bad }),
})

export const readTrial = (text: string | undefined, version: string): Trial => {
  try {
    const { revision, crashes, isOver, bad, isBack, version: was } = JSON.parse(text ?? '{}') as Partial<Trial>
    if (was !== version) return noTrial(version)
    const isText = (one: unknown): one is string => typeof one === 'string'
    return {
      version,
      crashes: Number.isInteger(crashes) ? crashes! : 0,
      ...(isText(revision) && { revision }),
      ...(isText(bad) && { bad }),
      ...(isOver === true && { isOver }),
      ...(isBack === true && { isBack }),
    }
  } catch {
    return noTrial(version)
  }
}
