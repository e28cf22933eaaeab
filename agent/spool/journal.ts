import { journalName } from './entries.ts'
import type { Appender, Files } from './files.ts'
import { formatLine } from './journal-text.ts'
import { type LedgerState, type Line, stateLine } from './ledger.ts'

/**
 * The ledger on disk: a file that begins with the whole state and goes on with what changes. A long one is followed by a new one; the one before it is
 * kept, so that a damaged beginning can be made good by reading both. After a failed write the next one begins a new file, which says everything.
 */
export class Journal {
  readonly #files: Files
  readonly #mostBytes: number
  #number: number
  #file: Appender | undefined
  #queue: string[] = []
  #unsynced = false
  /** Of the present file. */
  bytes = 0
  /** Of the file before it. */
  #bytesBefore = 0
  #beginBytes = 0

  constructor(files: Files, nextNumber: number, mostBytes: number) {
    this.#files = files
    this.#number = nextNumber
    this.#mostBytes = mostBytes
  }

  get allBytes(): number {
    return this.bytes + this.#bytesBefore
  }

  add(line: Line): void {
    this.#queue.push(formatLine(line))
  }

  /** Writes what has been added. Survives the process when it resolves; with `sync`, the machine too. Rejects with the file system's error. */
  async write(state: LedgerState, sync: boolean): Promise<void> {
    const full = this.bytes > this.#mostBytes + 2 * this.#beginBytes
    // The old file gets the last lines too: it must be complete in case the new one's beginning is damaged some day.
    if (this.#file) await this.#append(this.#file, sync || full)
    if (!this.#file || full) await this.#begin(state)
  }

  async #append(file: Appender, sync: boolean): Promise<void> {
    const text = Buffer.from(this.#queue.join(''))
    this.#queue = []
    try {
      if (text.length > 0) {
        await file.append(text)
        this.bytes += text.length
        this.#unsynced = true
      }
      if (sync && this.#unsynced) {
        await file.sync()
        this.#unsynced = false
      }
    } catch (error) {
      this.#file = undefined
      await file.close().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#file?.close().catch(() => {})
    this.#file = undefined
  }

  async #begin(state: LedgerState): Promise<void> {
    const text = Buffer.from(formatLine(stateLine(state)))
    this.#queue = []
    const temporary = `${journalName(this.#number)}.tmp`
    let file: Appender | undefined
    try {
      file = await this.#files.create(temporary)
      await file.append(text)
      await file.sync()
      await this.#files.rename(temporary, journalName(this.#number))
    } catch (error) {
      await file?.close().catch(() => {})
      await this.#files.remove(temporary).catch(() => {})
      throw error
    }
    const before = this.#file
    this.#file = file
    this.#bytesBefore = this.bytes
    this.bytes = this.#beginBytes = text.length
    this.#unsynced = false
    this.#number += 1
    await before?.close().catch(() => {})
    await this.#files.syncNames()
    await this.#files.remove(journalName(this.#number - 3)).catch(() => {})
  }
}
