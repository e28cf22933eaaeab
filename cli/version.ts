/** `probe version`: what is needed to know which program this was. */
import { readFileSync } from 'node:fs'
import type { Io } from './io.ts'

/** From package.json, which lies beside cli/ in a checkout and one folder further up from dist/cli/. */
export const readVersion = (): string => {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
      if (name === 'causeway') return version
    } catch {}
  }
  return 'unknown'
}

export const versionCommand = (io: Io, output: string): number => {
  const facts = { version: readVersion(), node: process.version, platform: process.platform, arch: process.arch }
  if (output === 'json') io.stdout.write(`${JSON.stringify({ schema: 'causeway.version/1', ...facts })}\n`)
  else io.stdout.write(`causeway ${facts.version}  node ${facts.node}  ${facts.platform} ${facts.arch}\n`)
  return 0
}
