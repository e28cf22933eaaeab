import * as libc from './libc.ts'

/** The port that a socket is bound to. */
export const localPort = (fd: number): number => {
  const name = Buffer.alloc(28)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(name.length)
  return libc.getsockname(fd, name, length) < 0 ? 0 : name.readUInt16BE(2)
}
