import type { Path } from './path.ts'

const smallest = 16
/** In `current`: nothing there. */
export const noRow = -1

const isSame = (a: Path, b: Path): boolean =>
  a.key === b.key &&
  a.kind === b.kind &&
  a.host === b.host &&
  a.port === b.port &&
  a.target.name === b.target.name &&
  a.target.address === b.target.address &&
  a.destination?.cloud === b.destination?.cloud &&
  a.destination?.region === b.destination?.region

/**
 * Which row a path has. A path that stays keeps its row over reloads, and with it what it added up to; the row of one that went is free
 * after the window in which it was last measured has been read.
 */
export class Rows {
  /** Path of each row; undefined for a free one. Rows of paths that went still have theirs. */
  readonly paths: (Path | undefined)[] = []
  /** How many rows the tables need. */
  capacity = smallest
  #current = new Int32Array(0)
  #retired: number[] = []
  #free: number[] = []

  /** Row of the path that is at `index` of the list given last, if that is the path with this key; else of the path with this key; or `noRow`. */
  find(index: number, key: string): number {
    const row = this.#current[index] ?? noRow
    if (row !== noRow && this.paths[row]?.key === key) return row
    return this.#current.find(other => this.paths[other]?.key === key) ?? noRow
  }

  /** Returns the rows that are new, whose old totals are to be forgotten. */
  replace(paths: readonly Path[]): number[] {
    const before = new Map<string, number>()
    for (const row of this.#current) before.set(this.paths[row]!.key, row)
    const added: number[] = []
    this.#current = Int32Array.from(paths, path => {
      const row = before.get(path.key)
      if (row !== undefined && isSame(this.paths[row]!, path)) {
        before.delete(path.key)
        this.paths[row] = path
        return row
      }
      const fresh = this.#free.pop() ?? this.paths.length
      this.paths[fresh] = path
      added.push(fresh)
      return fresh
    })
    this.#retired.push(...before.values())
    while (this.capacity < this.paths.length) this.capacity *= 2
    return added
  }

  /** The rows of paths that went before now; they may be freed when the window that ends now has been read. */
  takeRetired(): number[] {
    return this.#retired.splice(0)
  }

  free(rows: readonly number[]): void {
    for (const row of rows) {
      this.paths[row] = undefined
      this.#free.push(row)
    }
  }

  /** Rows of the paths given last. */
  get current(): Int32Array {
    return this.#current
  }
}
