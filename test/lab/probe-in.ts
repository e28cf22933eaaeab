/** The real `probe run` inside a site of a simulated network. */
import { fileURLToPath } from 'node:url'
import type { Network } from '../../deploy/sim/network.ts'
import type { SiteRunOptions } from '../../deploy/sim/site-process.ts'
import type { Diagnosis } from '../../wire/causes.ts'
import type { Kind, Result, RunDocument } from '../../wire/result.ts'
import { cleanEnv } from './clean-env.ts'
import type { CloudPair } from './cloud-pair.ts'

/** The command as a shell would start it. */
export const probe = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))

export type ProbeRun = {
  status: number | null
  document: RunDocument
  stderr: string
  wallMs: number
  causes: string[]
  /** The one diagnosis of a cause; empty when there is none. */
  diagnosis: (cause: string) => Partial<Diagnosis>
  /** The result of one kind; throws when the ladder left it out. */
  result: <K extends Kind>(kind: K) => Result<K>
}

/**
 * Runs `probe run` in aws against azure's service, trusting its authority, or with other words if they are given. Rejects when what it prints is
 * not one JSON document.
 */
export async function probeFrom(pair: CloudPair, words: string[] = [pair.target], options: SiteRunOptions = {}): Promise<ProbeRun> {
  const trust = words.some(word => word.startsWith('tls://') || !/:\/\/|^--.*=/.test(word)) ? ['--ca', pair.ca] : []
  return probeIn(pair, 'aws', [...words, ...trust], options)
}

/** Runs `probe run` in a site, with these words. */
export async function probeIn<S extends string>(
  network: Pick<Network<S>, 'run'>,
  site: S,
  words: string[],
  options: SiteRunOptions = {},
): Promise<ProbeRun> {
  const start = performance.now()
  const argv = [process.execPath, probe, 'run', ...words, '--output', 'json']
  const { status, signal, stdout, stderr } = await network.run(site, argv, { env: cleanEnv, timeoutMs: 30_000, ...options })
  const wallMs = performance.now() - start
  if (!stdout.startsWith('{')) throw new Error(`probe ended with ${status ?? signal} and printed ${JSON.stringify(stdout)}: ${stderr}`)
  const document = JSON.parse(stdout) as RunDocument
  return {
    status,
    document,
    stderr,
    wallMs,
    causes: document.diagnosis.map(({ cause }) => cause),
    diagnosis: cause => document.diagnosis.find(one => one.cause === cause) ?? {},
    result: <K extends Kind>(kind: K) => {
      const found = document.results.find(result => result.kind === kind)
      if (!found) throw new Error(`no ${kind} among ${document.results.map(result => result.kind).join(', ')}`)
      return found as unknown as Result<K>
    },
  }
}
