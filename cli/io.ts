/** What a command has of the world around it, as arguments, so that tests can hand in their own. */

export type Out = { write(text: string): unknown; isTTY?: boolean; columns?: number; rows?: number }
/** What is typed or piped in. `setRawMode` is there on a terminal: keys come as they are pressed and are not shown. */
export type In = AsyncIterable<Uint8Array | string> & { isTTY?: boolean; setRawMode?(on: boolean): unknown }
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGPIPE'

export type Io = {
  stdout: Out
  stderr: Out
  /** Absent: nobody is there. */
  readonly stdin?: In
  env: Record<string, string | undefined>
  /** The wall clock, for time stamps. */
  now(): Date
  /** The monotonic clock in ms, for durations. */
  elapsedMs(): number
  /** Calls back at each signal to stop; SIGPIPE is a reader of stdout that has gone. Returns what ends it. */
  onStop(listener: (signal: StopSignal) => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

/** The exit code of a program that a signal ended: 128 and the signal's number (POSIX 2.8.2, as shells do it). */
export const exitCodeOfSignal = { SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const satisfies Record<StopSignal, number>

/** The real world. An error on stdout never throws: without a reader there is nobody to tell. */
export const processIo = (): Io => {
  const listeners = new Set<(signal: StopSignal) => void>()
  const tell = (signal: StopSignal) => {
    if (!listeners.size) process.exit(exitCodeOfSignal[signal])
    for (const listener of listeners) listener(signal)
  }
  process.on('SIGINT', tell).on('SIGTERM', tell)
  let readerGone = false
  process.stdout.on('error', () => {
    if (!readerGone) tell('SIGPIPE')
    readerGone = true
  })
  process.stderr.on('error', () => {})
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    // Opened by looking at it, which few commands do.
    get stdin() {
      return process.stdin
    },
    env: process.env,
    now: () => new Date(),
    elapsedMs: () => performance.now(),
    onStop: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    exit: code => process.exit(code),
  }
}
