/** Kinds of noise on a round trip of 1, as functions of the time in s. Chance is an argument. */
const normal = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

export const noises: Record<string, (random: () => number, atS: number) => number> = {
  'of a normal distribution': random => Math.max(0.2, 1 + 0.1 * normal(random)),
  'of an even distribution': random => 0.8 + 0.4 * random(),
  'with a heavy tail (Pareto)': random => 1 + 0.1 * ((1 - random()) ** (-1 / 1.5) - 1),
  'of an exponential distribution': random => 1 - 0.3 * Math.log(1 - random()),
  'of two ways in turn': random => (random() < 0.5 ? 1 : 1.2) * (1 + 0.03 * normal(random)),
  'in steps of a clock': random => Math.round(10 * (1 + 0.05 * normal(random))) / 10,
  'with one spike in twenty': random => (random() < 0.05 ? 5 : 1) * (1 + 0.03 * normal(random)),
  'that rises and falls back every five minutes': (random, atS) => 1 + 0.15 * ((atS % 300) / 300) + 0.02 * normal(random),
}

const perWindow = 10

/** The median of each ten-second window of so many hours, at one value a second. */
export const noisyWindows = (
  noise: (typeof noises)[string],
  baseMs: number,
  hours: number,
  random: () => number,
  factor = (_s: number) => 1,
): number[] =>
  Array.from({ length: hours * 360 }, (_, window) => {
    const values = Array.from({ length: perWindow }, (_, i) => {
      const atS = window * 10 + i
      return baseMs * factor(atS) * noise(random, atS)
    })
    return values.sort((a, b) => a - b)[perWindow >> 1]!
  })
