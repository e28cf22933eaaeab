import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { cpuOfProcess } from './cpu-of.ts'

/** blackbox_exporter's modules, as its configuration file has them (JSON is YAML). */
export type Modules = Record<string, object>

export type Blackbox = {
  /** CPU of the exporter per probe, in µs: the probe and the scrape that asks for it. Its start is not counted. Throws when a probe fails. */
  cpuPerProbe: (module: string, target: string, probes: number, atOnce: number) => Promise<number>
  /** Probes each target once per interval, as a Prometheus with a job for them does, until `stop`. */
  keepProbing: (module: string, targets: readonly string[], everyMs: number) => Kept
  pid: number
  stop: () => Promise<void>
}
/** Probes that were answered with success, and those that were not. */
export type Kept = { counts: { good: number; bad: number }; stop: () => void }

/** Starts blackbox_exporter on loopback. It must be alone in its network namespace, as the port is fixed. */
export const startBlackbox = async (modules: Modules): Promise<Blackbox> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const config = join(directory, 'blackbox.yml')
  writeFileSync(config, JSON.stringify({ modules }))
  const flags = [`--config.file=${config}`, '--web.listen-address=127.0.0.1:9115']
  const child = await startChild(['prometheus-blackbox-exporter', ...flags], 'Listening on')
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const cpuPerProbe: Blackbox['cpuPerProbe'] = async (module, target, probes, atOnce) => {
    const path = `/probe?module=${module}&target=${encodeURIComponent(target)}`
    await scrapes(agent, path, 50, atOnce)
    const before = cpuOfProcess(child.pid)
    await scrapes(agent, path, probes, atOnce)
    return (cpuOfProcess(child.pid) - before) / probes
  }
  const keepProbing: Blackbox['keepProbing'] = (module, targets, everyMs) => {
    const counts = { good: 0, bad: 0 }
    const once = async (target: string): Promise<void> => {
      const page = await scrape(agent, `/probe?module=${module}&target=${encodeURIComponent(target)}`).catch(() => '')
      counts[page.includes('\nprobe_success 1\n') ? 'good' : 'bad']++
    }
    const start = performance.now()
    let asked = 0
    const timer = setInterval(() => {
      const due = ((performance.now() - start) / everyMs) * targets.length
      while (asked < due) void once(targets[asked++ % targets.length]!)
    }, 5)
    return { counts, stop: () => clearInterval(timer) }
  }
  const stop = async (): Promise<void> => {
    agent.destroy()
    await child.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { cpuPerProbe, keepProbing, pid: child.pid, stop }
}

const scrapes = async (agent: Agent, path: string, count: number, atOnce: number): Promise<void> => {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const page = await scrape(agent, path)
      if (!page.includes('\nprobe_success 1\n')) throw new Error(`blackbox_exporter: ${path} did not succeed:\n${page}`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const scrape = (agent: Agent, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ agent, host: '127.0.0.1', port: 9115, path }, response => {
      let page = ''
      response.setEncoding('utf8').on('data', text => {
        page += text
      })
      response.on('end', () => resolve(page)).on('error', reject)
    }).on('error', reject)
  })
