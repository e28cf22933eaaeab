import { spawnSync } from 'node:child_process'
import { benchEnv } from './environment.ts'
import { CannotRun } from './report.ts'

/** Programs that benchmarks use, with the Debian package that has them and how they tell their version. */
const tools = {
  fping: { packageName: 'fping', version: ['-v'] },
  tcpdump: { packageName: 'tcpdump', version: ['--version'] },
  openssl: { packageName: 'openssl', version: ['version'] },
  'prometheus-blackbox-exporter': { packageName: 'prometheus-blackbox-exporter', version: ['--version'] },
  'prometheus-smokeping-prober': { packageName: 'prometheus-smokeping-prober', version: ['--version'] },
  unshare: { packageName: 'util-linux', version: ['--version'] },
  setpriv: { packageName: 'util-linux', version: ['--version'] },
  ip: { packageName: 'iproute2', version: ['-V'] },
} as const

export type Tool = keyof typeof tools

/** The versions of the tools, first line of what they print. Throws `CannotRun` with what to install, all that is missing at once. */
export const needTools = (...names: Tool[]): Partial<Record<Tool, string>> => {
  const found = names.map(name => ({ name, version: versionOf(name) }))
  const missing = found.filter(({ version }) => version === undefined).map(({ name }) => tools[name].packageName)
  if (missing.length > 0) throw new CannotRun(`not installed: apt-get install ${[...new Set(missing)].join(' ')}`)
  return Object.fromEntries(found.map(({ name, version }) => [name, version]))
}

const versionOf = (name: Tool): string | undefined => {
  const { error, stdout, stderr } = spawnSync(name, tools[name].version, { encoding: 'utf8', env: benchEnv })
  return error ? undefined : `${stdout}${stderr}`.trim().split('\n')[0]
}
