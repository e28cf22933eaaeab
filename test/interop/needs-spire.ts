import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const programs = ['spire-server', 'spire-agent'] as const
const isInPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some(folder => folder !== '' && existsSync(join(folder, program)))

/** For tap's `skip`: false where SPIRE is installed, else what would let the test run. */
export const needsSpire: false | string = programs.every(isInPath)
  ? false
  : 'needs spire-server and spire-agent on the PATH: go install github.com/spiffe/spire/cmd/...@v1.13.3'
