/** Which IP families this machine can use, and which of the targets it therefore cannot reach. */
import { isIP } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import type { Family } from '../wire/result.ts'
import { type AskedTarget, formatTarget } from '../wire/target.ts'

/** Families with an address that is more than link-local (RFC 4291 §2.5.6): on that alone no other network is reached. */
export const familiesOf = (interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): Family[] => {
  const addresses = Object.values(interfaces).flatMap(list => list ?? [])
  return ([4, 6] as const).filter(family => addresses.some(one => one.family === `IPv${family}` && !/^fe[89ab]/i.test(one.address)))
}

/** Addresses of another family than asked for, and families that the host lacks. */
export const familyProblems = (
  targets: AskedTarget[],
  { family, source }: { family?: Family; source?: string },
  hostFamilies: readonly Family[],
): string[] => {
  const sourceFamily = source && isIP(source)
  const lacks = (wanted: Family, who: string) => `${who}: this machine has no IPv${wanted} address`
  const ofTargets = targets.flatMap(target => {
    const mine = target.family
    if (mine === undefined) return []
    if (family && mine !== family) return [`${formatTarget(target)}: is an IPv${mine} address, and --family is ${family}`]
    if (sourceFamily && mine !== sourceFamily)
      return [`${formatTarget(target)}: is an IPv${mine} address, and --source is IPv${sourceFamily}`]
    const isLinkLocal = target.host.includes('%')
    return hostFamilies.includes(mine) || isLinkLocal || family ? [] : [lacks(mine, formatTarget(target))]
  })
  return [...(family && !hostFamilies.includes(family) ? [lacks(family, `--family ${family}`)] : []), ...ofTargets]
}
