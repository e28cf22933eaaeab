/** Measuring, and what was measured written down: from here on time matters. */
import type { Sources } from '../probes/finding.ts'
import type { World } from './agent.ts'
import { interceptionRemedy, isIntercepted, nobody } from './interception.ts'
import type { Log } from './log.ts'
import type { Me } from './me.ts'
import { type Measuring, type Rules, startMeasuring } from './measuring.ts'
import { startRecording } from './recording.ts'
import { sayChanges } from './say-changes.ts'
import type { Self } from './self.ts'
import { buildSpan } from './spans.ts'
import type { Storage } from './storage.ts'
import type { Windows } from './window.ts'

type Around = {
  world: World
  self: Self
  windows: Windows
  me: Me
  storage: Storage
  identities: { open: NonNullable<Sources['identity']> }
}

/** Starts both, and adds them to `opened`: the last results are written down when measuring has ended. */
export const startWork = (
  rules: Rules,
  { world: { clock, log, onPace = () => {} }, self, windows, me, storage, identities }: Around,
  opened: AsyncDisposableStack,
): Measuring => {
  const say = sayChanges(log, clock.elapsedMs)
  const recording = startRecording({ clock, windows, place: () => me.place, onStep: say, ...storage.recording })
  opened.defer(() => recording.stop().then(() => storage.spool.flush()))
  const measuring = startMeasuring(rules, {
    clock,
    self,
    windows,
    onEvent: event => {
      say(event)
      recording.onEvent(event)
    },
    onTraced: ran => recording.onSpan(() => buildSpan(ran, clock)),
    onPace,
    sources: { identity: identities.open },
  })
  opened.defer(() => measuring.stop())
  return measuring
}

/** Finds out whether a sidecar answers for everybody, and says so. Never rejects. */
export const tellInterception = async (measuring: Measuring, log: Log, stop: AbortSignal): Promise<void> => {
  const is = await isIntercepted(nobody, stop)
  measuring.intercepted(is)
  if (is) log.error({ remedy: interceptionRemedy }, 'a proxy in this pod answers every connection: checks over TCP are unmeasured')
}
