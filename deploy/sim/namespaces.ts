/**
 * Lays the cables: one network namespace per site, held by a sleeping process and by nothing else, so that it is gone when that process is.
 * Runs in the WAN's process, whose own namespace is the router's. `unshare` and `setns` move the calling thread only: here the main one, which is
 * also the one that starts processes and opens /proc/sys/net.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import * as libc from '../../probes/net/libc.ts'
import { CLONE_NEWNET, must, setns, unshare } from './kernel.ts'
import { planSites, routerCommands, routerSettings, type Site, siteCommands, siteSettings } from './plan.ts'

/** Makes all namespaces, cables, addresses and routes. Throws with the tool's own words when the host does not allow one. */
export function buildNetwork(
  options: Parameters<typeof planSites>[0],
  userNamespace: boolean,
): { sites: Site[]; holders: number[]; ipv6: boolean } {
  const sites = planSites(options)
  const ipv6 = existsSync('/proc/sys/net/ipv6')
  const router = openNamespace()
  applySettings(routerSettings)
  const held = sites.map(site => {
    must('unshare(CLONE_NEWNET)', unshare(CLONE_NEWNET))
    applySettings(siteSettings(site, userNamespace))
    return { pid: startHolder(), namespace: openNamespace() }
  })
  enter(router)
  const holders = held.map(({ pid }) => pid)
  ip(routerCommands(sites, holders, ipv6))
  for (const site of sites) turnOffOffloads(site.routerInterface)
  for (const [at, site] of sites.entries()) {
    enter(held[at]!.namespace)
    turnOffOffloads('eth0')
    ip(siteCommands(site, ipv6))
    closeSync(held[at]!.namespace)
  }
  enter(router)
  closeSync(router)
  return { sites, holders, ipv6 }
}

const openNamespace = (): number => openSync('/proc/thread-self/ns/net', 'r')
const enter = (namespace: number): void => void must('setns', setns(namespace, CLONE_NEWNET))

function startHolder(): number {
  const { pid } = spawn('sleep', ['infinity'], { stdio: 'ignore' })
  if (pid === undefined) throw new Error("can't start: sleep infinity")
  return pid
}

function ip(commands: string): void {
  const { status, stderr, error } = spawnSync('ip', ['-batch', '-'], { input: `${commands}\n`, encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip -batch: ${error?.message ?? stderr.trim()}`)
}

/** A setting that this kernel lacks (IPv6 turned off, an older kernel) is not needed there either. */
function applySettings(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) {
    const path = `/proc/sys/net/${name}`
    if (existsSync(path)) writeFileSync(path, value)
  }
}

/** linux/sockios.h */
const SIOCETHTOOL = 0x8946
/** linux/ethtool.h: transmit checksums, scatter-gather, TCP segmentation, generic segmentation and receive offload. */
const SETTERS = [0x17, 0x19, 0x1f, 0x24, 0x2c]

/**
 * A veth hands over packets larger than its MTU and with checksums left out, since nothing but memory is between its ends. A size rule needs
 * packets as a wire would carry them. What `ethtool -K` does: struct ethtool_value {u32 cmd, u32 data} at byte 16 of struct ifreq.
 */
function turnOffOffloads(device: string): void {
  const fd = must('socket', libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0))
  for (const command of SETTERS) {
    const value = Buffer.alloc(8)
    value.writeUInt32LE(command)
    const request = Buffer.alloc(40)
    request.write(device)
    request.writeBigUInt64LE(libc.addressOf(value), 16)
    must(`ioctl(SIOCETHTOOL ${command}) on ${device}`, libc.ioctl(fd, SIOCETHTOOL, request))
  }
  libc.close(fd)
}
