/** The real `probe controller` as a process of its own, on a port of its own, and its API. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { followAgent } from '../../lab/agent-process.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { probe } from '../../lab/probe-in.ts'

export type RealController = {
  url: string
  port: number
  /** Of its first admin. */
  token: string
  /** An agent of this id: its credential. */
  enrol(agent: string): Promise<string>
  ask(path: string, bearer?: string, init?: RequestInit): Promise<Response>
  /** The most memory that it had since `forgetPeak`. */
  peakBytes(): number
  forgetPeak(): void
}

export const startRealController = async (t: Test): Promise<RealController> => {
  const data = mkdtempSync(join(tmpdir(), 'causeway-real-'))
  const child = spawn(process.execPath, [probe, 'controller', '--listen', '127.0.0.1:0', '--data', data], {
    env: cleanEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const controller = followAgent(child)
  t.teardown(async () => {
    await controller.end('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  })
  let welcome = ''
  child.stdout.on('data', text => (welcome += String(text)))
  const { url } = (await controller.hear(/^serving$/)) as unknown as { url: string }
  while (!welcome.includes('Next')) await once(child.stdout, 'data')
  const [token = ''] = /cwp_\S+/.exec(welcome) ?? []
  const ask: RealController['ask'] = (path, bearer, init = {}) =>
    fetch(`${url}${path}`, { ...init, headers: { ...init.headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) } })
  const send = async (path: string, bearer: string | undefined, body: object): Promise<Record<string, string>> => {
    const answer = await ask(path, bearer, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return (await answer.json()) as Record<string, string>
  }
  return {
    url,
    port: Number(new URL(url).port),
    token,
    ask,
    enrol: async agent => {
      const made = await send('/v1/join-tokens', token, { agent, cloud: 'aws', region: 'r1' })
      return (await send('/v1/enrol', undefined, { proof: { kind: 'join', token: made['token'] } }))['credential']!
    },
    peakBytes: () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024,
    // proc(5): 5 resets the peak.
    forgetPeak: () => writeFileSync(`/proc/${child.pid}/clear_refs`, '5'),
  }
}
