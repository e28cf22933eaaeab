import { cpus, release } from 'node:os'
import type { Tool } from './tools.ts'

/** What a figure was measured on. Two machines can't be compared; two figures of one run on one machine can. */
export type Machine = { cpu: string; cores: number; kernel: string; node: string; openssl: string; peers: Partial<Record<Tool, string>> }

export const machine = (peers: Partial<Record<Tool, string>> = {}): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  openssl: process.versions.openssl,
  peers,
})
