/** The system calls that only the simulator needs, beside those of the probes. Linux, 64-bit little-endian. */
import koffi from 'koffi'
import * as libc from '../../probes/net/libc.ts'

const lib = libc.supported ? koffi.load(null) : undefined
const bind = (prototype: string): ((...args: unknown[]) => number) =>
  lib
    ? (lib.func(prototype) as unknown as (...args: unknown[]) => number)
    : () => {
        throw new Error(`not available on ${process.platform}/${process.arch}: ${prototype}`)
      }

export const unshare = bind('int unshare(int)')
export const setns = bind('int setns(int, int)')
export const recvfrom = bind('int64_t recvfrom(int, void*, size_t, int, void*, void*)')
export const ppoll = bind('int ppoll(void*, unsigned long, const void*, const void*)')
export const waitpid = bind('int waitpid(int, void*, int)')
export const prctl = bind('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')
export const ifNameToIndex = bind('unsigned int if_nametoindex(const char*)')

/** linux/sched.h */
export const CLONE_NEWNET = 0x40000000
/** linux/socket.h, packet(7) */
export const AF_PACKET = 17
export const SO_RCVBUFFORCE = 33
export const SO_SNDBUFFORCE = 32
/** linux/if_ether.h */
export const ETH_P_IP = 0x0800
export const ETH_P_IPV6 = 0x86dd
/** A protocol as packet(7) wants it: htons. */
export const networkOrder = (value: number): number => ((value & 0xff) << 8) | (value >> 8)
/** linux/wait.h */
export const WNOHANG = 1
/** linux/prctl.h: how late, in ns, the kernel may wake this thread. */
export const PR_SET_TIMERSLACK = 29

/** What a call returned, or an error that names the call and the errno. */
export function must(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: ${libc.errnoName(libc.errno())}`)
  return result
}
