/**
 * The steps of one target on the output, in the ladder's order. A terminal shows each as soon as it is there and puts it into its place; what
 * can't be written to twice, a pipe or a file, gets each when those before it are done.
 */
import { type Kind, kinds } from '../wire/result.ts'
import type { Io } from './io.ts'
import { takesEscapes, widthOf } from './terminal.ts'

export type StepScreen = {
  started(kind: Kind): void
  /** The lines of a step as they are now. `isFinal`: they will stay so. */
  set(kind: Kind, lines: string[], isFinal: boolean): void
  /** What to write, so that the output shows what is known; empty when there is nothing new to show. */
  draw(): string
}

/** Of the ladder, and of the results in a document. */
const order: readonly Kind[] = ['dns', 'icmp', 'mtu', 'tcp', 'tls', 'mtls', ...kinds]
const placeOf = (kind: Kind): number => order.indexOf(kind)

/** A terminal that says nothing of its height. */
const usualRows = 24

export const buildStepScreen = (out: Io['stdout'], env: Io['env']): StepScreen => {
  const steps = new Map<Kind, { lines: string[]; isFinal: boolean }>()
  const running = new Set<Kind>()
  /** As they stand on the output, from above. */
  let shown: { kind: Kind; lines: string[] }[] = []
  const isLive = takesEscapes(out, env)

  const wanted = () => {
    const all = [...steps].map(([kind, step]) => ({ kind, ...step })).sort((a, b) => placeOf(a.kind) - placeOf(b.kind))
    if (isLive) return all
    const first = Math.min(...[...running].map(placeOf), ...all.filter(one => !one.isFinal).map(one => placeOf(one.kind)))
    return all.filter(one => placeOf(one.kind) < first)
  }
  /** Lines that the terminal has broken, or scrolled away, can't be found again. */
  const canReturn = (lines: readonly string[]) =>
    isLive && lines.length < (out.rows ?? usualRows) - 1 && lines.every(line => widthOf(line) < (out.columns ?? 0))

  return {
    started: kind => running.add(kind),
    set: (kind, lines, isFinal) => {
      running.delete(kind)
      steps.set(kind, { lines, isFinal })
    },
    draw: () => {
      const next = wanted()
      const same = shown.findIndex((one, at) => one.kind !== next[at]?.kind || one.lines.join() !== next[at].lines.join())
      const keep = same < 0 ? shown.length : same
      const over = shown.slice(keep).flatMap(one => one.lines)
      if (!over.length || canReturn(over)) {
        shown = next.map(({ kind, lines }) => ({ kind, lines }))
        return `${over.length ? `\u001b[${over.length}A\u001b[J` : ''}${textOf(next.slice(keep).flatMap(one => one.lines))}`
      }
      return append(next)
    },
  }

  /** What is new goes to the end. */
  function append(next: readonly { kind: Kind; lines: string[] }[]): string {
    const before = new Map(shown.map(one => [one.kind, one.lines.length]))
    shown = [...shown.map(one => next.find(({ kind }) => kind === one.kind) ?? one), ...next.filter(one => !before.has(one.kind))]
    return textOf(next.flatMap(one => one.lines.slice(before.get(one.kind) ?? 0)))
  }
}

const textOf = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('')
