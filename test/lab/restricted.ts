/** What a pod of the restricted Pod Security Standard with a read-only root file system leaves a process, without a container runtime. */
import { readFileSync } from 'node:fs'

const script = `
writable=$0
[ -z "$writable" ] || mount --bind "$writable" "$writable" || exit 99
while read -r _ at _; do
  [ "$at" = "$writable" ] || mount -o remount,bind,ro "$at" 2>/dev/null
done </proc/self/mounts
exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs -- "$@"`

/** Words in front of a command: uid 65534, no capabilities and no way to any, every mount read-only but one folder, if it is given. */
export const restricted = (writable = ''): string[] => ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, writable]

export type Standing = { uid: number; capabilities: string; noNewPrivs: string; rootIsReadOnly: boolean }

/** How a process stands, as the kernel says (proc(5)). */
export const standingOf = (pid: number): Standing => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const fieldOf = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const root = readFileSync(`/proc/${pid}/mounts`, 'utf8')
    .split('\n')
    .map(line => line.split(' '))
    .findLast(([, at]) => at === '/')
  return {
    uid: Number(fieldOf('Uid')),
    capabilities: fieldOf('CapEff') + fieldOf('CapBnd'),
    noNewPrivs: fieldOf('NoNewPrivs'),
    rootIsReadOnly: root?.[3]?.split(',').includes('ro') ?? false,
  }
}
