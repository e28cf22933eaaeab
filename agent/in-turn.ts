/** Runs tasks one after the other, in the order in which they were given, whether or not one before them failed. */
export const inTurn = (): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve()
  return task => {
    const run = last.then(task)
    last = run.catch(() => {})
    return run
  }
}
