import { canSimulate } from '../../deploy/sim/can-simulate.ts'

/** For tap's `skip`: false where networks can be simulated, else why not and the command that would let the test run. */
export async function needsNamespaces(): Promise<false | string> {
  const simulation = await canSimulate()
  return simulation.possible ? false : simulation.reason
}

/** The same for tests that need to be root. */
export const needsRoot: false | string = process.getuid?.() === 0 ? false : 'needs root: sudo npm test'
