/** A directory in memory that can be full, broken, cut short by a power failure, and copied. Names and bytes are durable when they have been synced. */
import type { Appender, Files } from '../../../agent/spool/files.ts'

type Inode = { data: Buffer; synced: number }

export class ShakyFiles implements Files {
  names = new Map<string, Inode>()
  durable = new Map<string, Inode>()
  /** Bytes that can still be written. */
  room = Number.POSITIVE_INFINITY
  /** Every write fails with this. */
  broken: string | undefined
  unreadable = false

  prepare = async (): Promise<void> => this.#mayChange()
  lock = () => ({ release: () => {} })
  list = async (): Promise<string[]> => [...this.names.keys()]
  read = async (name: string): Promise<Buffer> => Buffer.from(this.#inode(name).data)
  readPart = async (name: string, offset: number, bytes: number): Promise<Buffer> =>
    Buffer.from(this.#inode(name).data.subarray(offset, offset + bytes))

  create = async (name: string): Promise<Appender> => {
    this.#mayChange()
    const inode: Inode = { data: Buffer.alloc(0), synced: 0 }
    this.names.set(name, inode)
    return {
      append: async bytes => {
        this.#mayChange()
        const fits = Math.min(bytes.length, this.room)
        inode.data = Buffer.concat([inode.data, bytes.subarray(0, fits)])
        this.room -= fits
        if (fits < bytes.length) throw failure('ENOSPC')
      },
      sync: async () => {
        this.#mayChange()
        inode.synced = inode.data.length
      },
      truncate: async length => {
        this.#mayChange()
        inode.data = inode.data.subarray(0, length)
        inode.synced = Math.min(inode.synced, length)
      },
      close: async () => {},
    }
  }

  rename = async (from: string, to: string): Promise<void> => {
    this.#mayChange()
    this.names.set(to, this.#inode(from))
    this.names.delete(from)
  }

  remove = async (name: string): Promise<void> => {
    this.#mayChange()
    this.#inode(name)
    this.names.delete(name)
  }

  syncNames = async (): Promise<void> => {
    this.#mayChange()
    this.durable = new Map(this.names)
  }

  /** What is left when the power goes: of the unsynced bytes and names as much as `fraction` (0 to 1) says. */
  powerFailure(fraction: number): void {
    if (fraction < 0.5) this.names = new Map(this.durable)
    for (const inode of this.names.values()) {
      inode.data = inode.data.subarray(0, inode.synced + Math.floor((inode.data.length - inode.synced) * fraction))
      inode.synced = inode.data.length
    }
    this.durable = new Map(this.names)
  }

  /** A copy with nothing wrong with it. */
  copy(): ShakyFiles {
    const copy = new ShakyFiles()
    for (const [name, { data, synced }] of this.names) copy.names.set(name, { data: Buffer.from(data), synced })
    copy.durable = new Map(copy.names)
    return copy
  }

  /** Turns one bit of everything in the directory, counted over all files. */
  flip(position: number): void {
    const inodes = [...this.names.values()].filter(({ data }) => data.length > 0)
    const bits = inodes.reduce((sum, { data }) => sum + data.length * 8, 0)
    let bit = bits === 0 ? 0 : position % bits
    for (const inode of inodes) {
      if (bit < inode.data.length * 8) {
        inode.data = Buffer.from(inode.data)
        inode.data[bit >> 3]! ^= 1 << (bit & 7)
        return
      }
      bit -= inode.data.length * 8
    }
  }

  #inode(name: string): Inode {
    const inode = this.names.get(name)
    if (!inode) throw failure('ENOENT')
    if (this.unreadable) throw failure('EIO')
    return inode
  }

  #mayChange(): void {
    if (this.broken) throw failure(this.broken)
  }
}

const failure = (code: string): Error => Object.assign(new Error(`${code}: as the test wants it`), { code })
