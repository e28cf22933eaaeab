/** Commands as whoever called this one can call them: who came by `npx` or `npm start` has no `probe` of their own on the path. */
import type { Io } from './io.ts'

const byNpm: readonly (string | undefined)[] = ['exec', 'start']

/** `npm_command` is set by npm for what it starts (docs.npmjs.com/cli/using-npm/scripts). */
export const asCalled = (text: string, env: Io['env']): string =>
  byNpm.includes(env['npm_command']) ? text.replaceAll(/\bprobe (?=(?:sim|get|incident|run|--help)(?![\w-]))/g, 'npx probe ') : text
