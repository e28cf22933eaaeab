/**
 * The few system calls that Node does not offer, by FFI. Linux only, 64-bit little-endian (x86-64 and arm64), glibc and musl alike:
 * `load(null)` finds the libc that the process already runs on. Constants are Linux's (include/uapi).
 * Calls return what libc returns; `errno()` is valid directly after the call that failed.
 */
import { endianness } from 'node:os'
import koffi from 'koffi'

export const supported = process.platform === 'linux' && endianness() === 'LE' && ['x64', 'arm64'].includes(process.arch)

const lib = supported ? koffi.load(null) : undefined
// biome-ignore lint/suspicious/noExplicitAny: koffi types every foreign function as taking anything
type Foreign = (...args: any[]) => number
const foreign = (prototype: string): Foreign =>
  lib
    ? (lib.func(prototype) as unknown as Foreign)
    : () => {
        throw new Error(`not available on ${process.platform}/${process.arch}: ${prototype}`)
      }

export const socket = foreign('int socket(int, int, int)')
export const setsockopt = foreign('int setsockopt(int, int, int, const void*, uint32_t)')
export const getsockopt = foreign('int getsockopt(int, int, int, void*, void*)')
export const bind = foreign('int bind(int, const void*, uint32_t)')
export const connect = foreign('int connect(int, const void*, uint32_t)')
export const close = foreign('int close(int)')
export const dup = foreign('int dup(int)')
export const getsockname = foreign('int getsockname(int, void*, void*)')
export const sendto = foreign('int64_t sendto(int, const void*, size_t, int, const void*, uint32_t)')
export const recvmsg = foreign('int64_t recvmsg(int, void*, int)')
export const recvmmsg = foreign('int recvmmsg(int, void*, unsigned int, int, void*)')
export const clockGettime = foreign('int clock_gettime(int, void*)')
export const flock = foreign('int flock(int, int)')
export const fcntl = foreign('int fcntl(int, int, int)')
export const ioctl = foreign('int ioctl(int, unsigned long, void*)')
export const clockAdjust = foreign('int adjtimex(void*)')

let trim: ((pad: number) => number) | undefined

/** Gives memory that malloc holds and does not use back to the system, where libc can (malloc_trim(3): glibc; musl has none to give). */
export const trimMalloc = (): void => {
  if (!lib) return
  try {
    trim ??= lib.func('int malloc_trim(size_t)') as (pad: number) => number
    trim(0)
  } catch {}
}

/** Parameters of mallopt(3), from glibc's malloc.h. */
export const mallocOption = { trimThreshold: -1, mmapThreshold: -3, arenaMax: -8 } as const

/** Sets one, where libc has it. */
export const setMalloc = (option: number, value: number): void => {
  if (!lib) return
  try {
    lib.func('int mallopt(int, int)')(option, value)
  } catch {}
}

/** The error number of the call just made. */
export const errno = (): number => koffi.errno()
/** The symbolic name of an error number, `ENOENT` for 2. */
export const errnoName = (code: number): string => names.get(code) ?? `errno ${code}`
/** The address of a buffer's bytes. The caller keeps the buffer alive for as long as the kernel may use it. */
export const addressOf = (buffer: Buffer): bigint => BigInt(koffi.address(buffer))

const names = new Map<number, string>(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]))

/** A native int as setsockopt wants it. */
export const int32 = (value: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeInt32LE(value)
  return b
}

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const MSG_DONTWAIT = 0x40
export const MSG_ERRQUEUE = 0x2000

export const F_GETFL = 3
export const F_SETFL = 4
export const F_SETOWN = 8
export const F_SETSIG = 10
export const O_ASYNC = 0o20000

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_LINGER = 13
export const SO_TIMESTAMPNS = 35
export const SO_RXQ_OVFL = 40
export const SO_MEMINFO = 55

export const IPPROTO_IP = 0
export const IPPROTO_ICMP = 1
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_IPV6 = 41
export const IPPROTO_ICMPV6 = 58

export const IP_TTL = 2
export const IP_PKTOPTIONS = 9
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IP_RECVTTL = 12
export const IP_MTU = 14
export const IP_RECVERR_RFC4884 = 26
export const IPV6_2292PKTOPTIONS = 6
export const IPV6_UNICAST_HOPS = 16
export const IPV6_MTU_DISCOVER = 23
export const IPV6_MTU = 24
export const IPV6_RECVERR = 25
export const IPV6_RECVERR_RFC4884 = 31
export const IPV6_V6ONLY = 26
export const IPV6_RECVHOPLIMIT = 51
export const IPV6_HOPLIMIT = 52
export const IPV6_DONTFRAG = 62
export const IPV6_AUTOFLOWLABEL = 70
/** IP_PMTUDISC_PROBE: DF set, and the kernel's own path-MTU cache ignored (linux/in.h). */
export const PMTUDISC_PROBE = 3

export const TCP_NODELAY = 1
export const TCP_MAXSEG = 2
export const TCP_INFO = 11

export const LOCK_EX = 2
export const LOCK_NB = 4

export const EPERM = 1
export const EINTR = 4
export const EAGAIN = 11
export const EACCES = 13
export const EMSGSIZE = 90
export const EAFNOSUPPORT = 97
export const EADDRINUSE = 98
export const EADDRNOTAVAIL = 99
export const ENETUNREACH = 101
export const ENOBUFS = 105
export const ECONNREFUSED = 111
export const EHOSTUNREACH = 113
export const EINPROGRESS = 115
