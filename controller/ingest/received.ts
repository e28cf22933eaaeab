import { Sequences } from './sequences.ts'

/** Which batch it is: an agent's own number for it, the same however often it is sent. */
export type BatchId = { readonly agent: string; readonly boot: string; readonly sequence: number }
/** As a store keeps it: one row per agent and boot. */
export type ReceivedRow = { readonly agent: string; readonly boot: string; readonly lastMs: number; readonly ranges: readonly number[] }

/** An hour longer than points are taken: what is forgotten here is refused for its age. */
export const receivedKeptMs = 27 * 3_600_000
/** One start a minute for 27 hours. Of an agent with more the one that was silent longest is forgotten. */
const maxBoots = 1620

type Boot = { sequences: Sequences; lastMs: number }

/** The batches that were received, by agent and boot, in the order of the last batch of each boot. */
export class Received {
  readonly #agents = new Map<string, Map<string, Boot>>()

  load({ agent, boot, lastMs, ranges }: ReceivedRow): boolean {
    const sequences = Sequences.from(ranges)
    if (sequences) this.#bootsOf(agent).set(boot, { sequences, lastMs })
    return sequences !== undefined
  }

  has({ agent, boot, sequence }: BatchId): boolean {
    return this.#agents.get(agent)?.get(boot)?.sequences.has(sequence) ?? false
  }

  /** False if it was there before. */
  add({ agent, boot, sequence }: BatchId, nowMs: number): boolean {
    const boots = this.#bootsOf(agent)
    const known = boots.get(boot) ?? { sequences: new Sequences(), lastMs: nowMs }
    if (!known.sequences.add(sequence)) return false
    known.lastMs = nowMs
    boots.delete(boot)
    boots.set(boot, known)
    if (boots.size > maxBoots) boots.delete(boots.keys().next().value!)
    return true
  }

  /** To be written in the transaction of the batch. */
  row(agent: string, boot: string): ReceivedRow | undefined {
    const known = this.#agents.get(agent)?.get(boot)
    return known && { agent, boot, lastMs: known.lastMs, ranges: known.sequences.ranges }
  }

  /** As it was: undefined for a boot that was not known. */
  restore(agent: string, boot: string, row: ReceivedRow | undefined): void {
    if (row) this.load(row)
    else this.#agents.get(agent)?.delete(boot)
  }

  /** Returns what was forgotten, for the store to forget it too. */
  forget(nowMs: number): { agent: string; boot: string }[] {
    const forgotten: { agent: string; boot: string }[] = []
    for (const [agent, boots] of this.#agents) {
      for (const [boot, { lastMs }] of boots)
        if (lastMs < nowMs - receivedKeptMs) {
          boots.delete(boot)
          forgotten.push({ agent, boot })
        }
      if (boots.size === 0) this.#agents.delete(agent)
    }
    return forgotten
  }

  #bootsOf(agent: string): Map<string, Boot> {
    let boots = this.#agents.get(agent)
    if (!boots) this.#agents.set(agent, (boots = new Map()))
    return boots
  }
}
