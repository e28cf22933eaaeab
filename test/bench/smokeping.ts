import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from './child.ts'
import { CannotRun } from './report.ts'

const page = 'http://127.0.0.1:9374/metrics'

export type Smokeping = Pick<Child, 'pid' | 'stop'> & { scrape: () => Promise<string> }

/** Starts smokeping_prober on loopback: one echo per second to each address, by datagram sockets as ours. Its port is fixed. */
export const startSmokeping = async (addresses: readonly string[]): Promise<Smokeping> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const config = join(directory, 'smokeping.yml')
  writeFileSync(config, JSON.stringify({ targets: [{ hosts: addresses, interval: '1s', network: 'ip4', protocol: 'icmp', size: 56 }] }))
  const flags = [`--config.file=${config}`, '--web.listen-address=127.0.0.1:9374', '--no-privileged']
  const child = await startChild(['prometheus-smokeping-prober', ...flags], 'Starting smokeping_prober')
  const scrape = async (): Promise<string> => (await fetch(page, { signal: AbortSignal.timeout(60_000) })).text()
  // It listens when all of its targets have been started, one after the other: that takes it some 20 s for 500.
  const deadline = performance.now() + 90_000
  while (!(await scrape().catch(() => ''))) {
    if (performance.now() > deadline) throw new CannotRun('prometheus-smokeping-prober: does not listen after 90 s')
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  return {
    pid: child.pid,
    scrape,
    stop: async signal => {
      await child.stop(signal)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
