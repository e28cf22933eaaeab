/** One of the programs that shake hands: its CPU per handshake in µs, of the whole process, from exec to exit, and of its second half. */
import { fileURLToPath } from 'node:url'
import { cpuOfRun } from './cpu-of.ts'
import { type Figure, figure } from './paired.ts'

export type HandshakeRun = { whole: number; warm: number }
export type HandshakeProgram = 'tls-probes.ts' | 'mtls-probes.ts' | 'tls-floor.ts'

export const programPath = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))

export const runHandshakes = (program: HandshakeProgram, asked: { probes: number } & Record<string, unknown>): HandshakeRun => {
  const run = cpuOfRun([process.execPath, programPath(program), JSON.stringify(asked)])
  return { whole: run.cpuUs / asked.probes, warm: (JSON.parse(run.stdout) as { warmUs: number }).warmUs }
}

/** What Node takes for the handshake alone, and ours against it: no bar, it says where the rest of the time goes. */
export const floorOf = (ours: number[], floor: number[]): { what: string; floor: Figure; ratio: Figure } => ({
  what: "Node's own tls.connect with the chain verified, whole process",
  floor: figure(floor),
  ratio: figure(ours.map((value, round) => value / floor[round]!)),
})
