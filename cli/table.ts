/** Rows and columns for the terminal: as wide as they are where that fits, else words give way, and then columns that can be spared. Numbers are never cut; piped away nothing is. */
import { printable } from './printable.ts'
import type { Style } from './terminal.ts'

export type Column<T> = {
  title: string
  of: (row: T) => string | undefined
  right?: true
  /** Left out where there is no room: the highest first. */
  spare?: number
  /** Not cut to fewer characters while there is something to spare. */
  least?: number
  paint?: (row: T, style: Style) => (text: string) => string
}

const gap = 2
/** Narrower than that a word says nothing. */
const narrowest = 12

/** Titles and a line for each row. Columns of which no row has anything are left out. */
export const tableLines = <T>(all: readonly Column<T>[], rows: readonly T[], style: Style, width: number | undefined): string[] => {
  const texts = rows.map(row => all.map(column => style.fit(printable(column.of(row) ?? ''))))
  const natural = all.map(({ title }, index) => Math.max(title.length, ...texts.map(row => row[index]!.length)))
  const least = natural.map((wide, index) =>
    all[index]!.right || all[index]!.paint ? wide : Math.min(wide, all[index]!.least ?? narrowest),
  )
  const filled = all.map((_, index) => index).filter(index => texts.some(row => row[index] !== ''))
  const kept = width === undefined ? filled : spareColumns(filled, all, least, width)
  const columns = kept.map(index => all[index]!)
  const cells = texts.map(row => kept.map(index => row[index]!))
  const widths = shrink(
    kept.map(index => natural[index]!),
    kept.map(index => least[index]!),
    width,
  )
  const lay = (row: readonly string[], paint: (index: number) => (text: string) => string): string =>
    row
      .map((text, index) => {
        const cut = cutTo(text, widths[index]!, style)
        const pad = ' '.repeat(Math.max(0, widths[index]! - cut.length))
        const shown = paint(index)(cut)
        return columns[index]!.right ? `${pad}${shown}` : index === row.length - 1 ? shown : `${shown}${pad}`
      })
      .join(' '.repeat(gap))
      .trimEnd()
  return [
    lay(
      columns.map(({ title }) => title),
      () => style.dim,
    ),
    ...rows.map((row, at) => lay(cells[at]!, index => columns[index]!.paint?.(row, style) ?? (text => text))),
  ]
}

const cutTo = (text: string, width: number, style: Style): string => {
  if (text.length <= width) return text
  const mark = style.symbols.ellipsis
  return `${text.slice(0, Math.max(0, width - mark.length))}${mark}`
}

const sumOf = (widths: readonly number[]): number => widths.reduce((sum, one) => sum + one + gap, -gap)

const spareColumns = <T>(filled: readonly number[], all: readonly Column<T>[], least: readonly number[], width: number): number[] => {
  const kept = [...filled]
  const order = filled.filter(index => all[index]!.spare !== undefined).sort((a, b) => all[b]!.spare! - all[a]!.spare!)
  for (const index of order) if (sumOf(kept.map(one => least[one]!)) > width) kept.splice(kept.indexOf(index), 1)
  return kept
}

/** The widest that can loses a letter until all fit. */
const shrink = (natural: readonly number[], least: readonly number[], width: number | undefined): number[] => {
  const widths = [...natural]
  let over = width === undefined ? 0 : sumOf(widths) - width
  for (; over > 0; over--) {
    const able = widths.map((wide, index) => (wide > least[index]! ? wide : 0))
    const widest = able.indexOf(Math.max(...able))
    if (able[widest] === 0) break
    widths[widest]!--
  }
  return widths
}
