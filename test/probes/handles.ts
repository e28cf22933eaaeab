/** What this process holds open, and waiting until it is no more than it was. */
import { readdirSync, readlinkSync } from 'node:fs'

/** Sockets by their inode, and everything that would keep the process alive. */
export function openHandles(): string[] {
  const links = readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      // The descriptor of the listing itself.
      return ''
    }
  })
  return [...links.filter(link => link.startsWith('socket:')), ...process.getActiveResourcesInfo()]
}

/** What is open and was not before, after as many turns of the event loop as it takes to be nothing, at most for `limitMs`. */
export async function leaked(before: readonly string[], limitMs = 2000): Promise<string[]> {
  for (const deadline = performance.now() + limitMs; ; ) {
    const known = [...before]
    const more = openHandles().filter(handle => {
      const at = known.indexOf(handle)
      if (at >= 0) known.splice(at, 1)
      return at < 0
    })
    if (more.length === 0 || performance.now() > deadline) return more
    await new Promise(resolve => setImmediate(resolve))
  }
}
