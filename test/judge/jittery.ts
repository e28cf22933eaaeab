/** Round-trip times as long paths have them: a base that drifts over the day, queueing that comes and goes, heavy tails, bursts. Chance is an argument. */

export type Jitter = {
  baseMs: number
  /** Spread of the queueing delay, as a share of the base. */
  jitter: number
  /** Samples in ten seconds. */
  perWindow: number
}

const normal = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** The median of each ten-second window of so many hours; `factor` says by how much the path is slower at a time in s. */
export function jitteryWindows(
  { baseMs, jitter, perWindow }: Jitter,
  hours: number,
  random: () => number,
  factor = (_s: number) => 1,
): number[] {
  const memory = Math.exp(-10 / perWindow)
  let queue = 0
  let burst = 0
  return Array.from({ length: hours * 360 }, (_, window) => {
    const samples: number[] = []
    for (let i = 0; i < perWindow; i++) {
      const atS = window * 10 + (i * 10) / perWindow
      // Queueing remembers itself for about a second (AR(1)), a burst of traffic lasts some.
      queue = memory * queue + Math.sqrt(1 - memory ** 2) * normal(random)
      burst = random() < 0.0005 ? 3 : burst * memory
      const day = 1 + 0.1 * Math.sin((2 * Math.PI * atS) / 86_400)
      const tail = random() < 0.02 ? -Math.log(1 - random()) * 2 : 0
      samples.push(baseMs * factor(atS) * day * (1 + jitter * (Math.exp(0.5 * queue) - 1 + tail + burst)))
    }
    return samples.sort((a, b) => a - b)[perWindow >> 1]!
  })
}
