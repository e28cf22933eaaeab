/** The real `probe controller` on loopback as a process of its own: to be killed, and started again on the same data. */
import { once } from 'node:events'
import { request } from 'undici'
import { type AgentProcess, followAgent } from './agent-process.ts'
import { probe } from './probe-in.ts'
import { startProgram } from './run-program.ts'

export type ControllerProcess = AgentProcess & {
  url: string
  /** The first admin's; empty where the store has been used before. */
  token: string
  /** Ends it at once, and resolves when it has ended. */
  kill(): Promise<void>
}
export type ControllerProcessOptions = { data: string; port: number; words?: string[]; env?: NodeJS.ProcessEnv }

/** Resolves when it serves. */
export const startControllerProcess = async ({ data, port, words = [], env }: ControllerProcessOptions): Promise<ControllerProcess> => {
  const listen = `127.0.0.1:${port}`
  const child = startProgram([process.execPath, probe, 'controller', '--listen', listen, '--data', data, ...words], env)
  let welcome = ''
  child.stdout!.on('data', text => (welcome += String(text)))
  const process_ = followAgent(child)
  await process_.hear(/^serving$/)
  while (!welcome.includes('Next')) await once(child.stdout!, 'data')
  const [token] = /cwp_\S+/.exec(welcome) ?? ['']
  return { ...process_, url: `http://${listen}`, token, kill: async () => void (await process_.end('SIGKILL')) }
}

export type Person = {
  get<T>(path: string): Promise<T>
  joinToken(agentId: string, location?: { cloud: string; region: string }): Promise<string>
  apply(fleet: string): Promise<{ generation: number }>
}

/** Whoever has this token, asking a controller; rejects when it does not answer as wanted. */
export const personAt = (url: string, token: string): Person => {
  const ask = async <T>(method: 'GET' | 'POST' | 'PUT', path: string, type?: string, body?: string): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, ...(type && { 'content-type': type }) }
    const answer = await request(`${url}${path}`, { method, headers, reset: true, ...(body !== undefined && { body }) })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`)
    return JSON.parse(text) as T
  }
  return {
    get: path => ask('GET', path),
    joinToken: async (agentId, location = { cloud: 'aws', region: 'us-east-1' }) =>
      (await ask<{ token: string }>('POST', '/v1/join-tokens', 'application/json', JSON.stringify({ agent: agentId, ...location }))).token,
    apply: fleet => ask('PUT', '/v1/fleet', 'application/yaml', fleet),
  }
}
