/** The parts of the agent's side of a controller, put together against a fake one, with a log that is remembered. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ControllerConfig, Self } from '../../../agent/config/config.ts'
import type { Credential } from '../../../agent/controller/credential.ts'
import { follow } from '../../../agent/controller/follow.ts'
import { openKeep } from '../../../agent/controller/kept.ts'
import { openLine } from '../../../agent/controller/line.ts'
import { startMembership } from '../../../agent/controller/membership.ts'
import type { Log } from '../../../agent/log.ts'
import type { ReadClientIdentity } from '../../../agent/send/credentials.ts'
import { Secret } from '../../../wire/secret.ts'

export const joinText = (pin?: string): string => `cwj_${'s'.repeat(43)}${pin === undefined ? '' : `.${pin}`}`

export const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'under-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type Said = { level: 'info' | 'warn' | 'error'; facts: Record<string, unknown>; message: string }
export const remembering = (): { log: Log; said: Said[] } => {
  const said: Said[] = []
  const at = (level: Said['level']) => (facts: Record<string, unknown>, message: string) => void said.push({ level, facts, message })
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, said }
}

export const self: Self = {
  id: 'host',
  runner: false,
  checkInterception: false,
  advertise: [],
  labels: {},
  cloud: 'aws',
  zone: 'us-east-1a',
  node: 'n',
}

type Options = Partial<ControllerConfig> & {
  folder?: string
  random?: number
  self?: Self
  nowMs?: () => number
  readSvid?: ReadClientIdentity
}

/** Waits are short: full jitter with a small number is a small part of the bound. */
const smallRandom = 0.002

export const member = (t: Test, url: string, options: Options = {}) => {
  const { folder = folderOf(t), random = smallRandom, self: own = self, nowMs = Date.now, readSvid, ...more } = options
  const config: ControllerConfig = { url, joinToken: { text: new Secret(joinText()) }, spiffe: false, ...more }
  const { log, said } = remembering()
  const stop = new AbortController()
  const keep = openKeep(folder, url)
  const line = openLine({ config, keep, environment: {}, readSvid })
  const given: Credential[] = []
  const asking = { line, self: own, said: async () => ({ labels: {}, advertise: [], details: { version: 'test', boot: 'b' } }), nowMs }
  const parts = { ...asking, config, keep, log, random: () => random, onGiven: (one: Credential) => void given.push(one) }
  const membership = startMembership(parts, stop.signal)
  const end = async (): Promise<void> => {
    stop.abort()
    await membership.ended
    line.close()
  }
  t.teardown(end)
  return { membership, given, said, keep, line, folder, stop: stop.signal, end, log }
}

/** A member that listens. */
export const follower = (t: Test, url: string, options: Options & { silenceMs?: number; revision?: string } = {}) => {
  const one = member(t, url, options)
  const assignments: string[] = []
  const runs: string[] = []
  const following = follow(
    {
      ...one,
      revision: () => options.revision,
      onAssignment: data => void assignments.push(data),
      onRun: data => void runs.push(data),
      random: () => options.random ?? smallRandom,
      nowMs: Date.now,
      silenceMs: options.silenceMs ?? 2_000,
    },
    one.stop,
  )
  t.teardown(() => one.end().then(() => following))
  return { ...one, assignments, runs }
}
