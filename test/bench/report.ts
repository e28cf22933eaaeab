/** A benchmark's end: one JSON document on stdout, or one line that says why it could not be run. */

/** Something this machine lacks; the message says how to get it. */
export class CannotRun extends Error {}

/** Runs a benchmark and prints its document. Exit code 0 whatever was measured; 2 when it could not be measured; 3 for a fault of the program. */
export const report = async (measure: () => Promise<object>): Promise<void> => {
  try {
    process.stdout.write(`${JSON.stringify(await measure(), null, 2)}\n`)
  } catch (error) {
    const known = error instanceof CannotRun
    process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = known ? 2 : 3
  }
}

/** One line of progress on stderr. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`)

/** The first sentence of a failed program's last words. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
