/** Two sides measured in turn, A B B A A B, so that a machine that gets slower meanwhile slows both down. */
import { note } from './report.ts'

export type Side = () => number | Promise<number>
export type Measured<Name extends string> = Record<Name, number[]>

/** `rounds` times every side, in alternating order. Each side returns one figure, of which less is better. */
export const measurePaired = async <Name extends string>(rounds: number, sides: Record<Name, Side>): Promise<Measured<Name>> => {
  const names = Object.keys(sides) as Name[]
  const measured = Object.fromEntries(names.map(name => [name, []])) as unknown as Measured<Name>
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) measured[name].push(await sides[name]())
    note(`round ${round + 1} of ${rounds}: ${names.map(name => `${name} ${rounded(measured[name].at(-1)!)}`).join(', ')}`)
  }
  return measured
}

export type Compared = {
  what: string
  unit: string
  ours: Figure
  peer: Figure & { name: string }
  /** Ours divided by the peer's, of each round. */
  ratio: Figure
  bar: number
  pass: boolean
}
export type Figure = { median: number; runs: number[] }

/** The median of the rounds' ratios against the bar. */
export const compare = (named: { what: string; unit: string; peer: string; bar: number }, ours: number[], peer: number[]): Compared => {
  const ratio = figure(ours.map((value, round) => value / peer[round]!))
  const { what, unit, bar } = named
  return { what, unit, ours: figure(ours), peer: { name: named.peer, ...figure(peer) }, ratio, bar, pass: ratio.median <= bar }
}

export const figure = (runs: number[]): Figure => ({ median: rounded(median(runs)), runs: runs.map(rounded) })

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** To four significant digits. */
const rounded = (value: number): number => Number(value.toPrecision(4))
