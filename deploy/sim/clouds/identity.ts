/** Who is who in the world: the certificates that services show, whom they take, and the bundles that are published and held. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cloud, cloudNames, endpointIdOf, type Layout, ports, serviceIdOf, services, trustDomainOf } from './clouds.ts'
import { files, writeWhole } from './folder.ts'
import { type Authority, bundleDocument, type Certified, issue, makeAuthority } from './issue.ts'
import type { ServicesFile } from './services-file.ts'
import type { Shown, World } from './world.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Of each trust domain the present authority and the next one. */
export type Authorities = Record<Cloud, [Authority, Authority]>

export const makeAuthorities = async (nowMs: number): Promise<Authorities> => {
  const made = await Promise.all(
    cloudNames.map(async cloud => {
      const name = trustDomainOf(cloud)
      return [cloud, await Promise.all([makeAuthority(`${name} 1`, 'rsa', nowMs), makeAuthority(`${name} 2`, 'ec', nowMs)])] as const
    }),
  )
  return Object.fromEntries(made) as Authorities
}

export const readAuthorities = (folder: string): Authorities =>
  JSON.parse(readFileSync(join(folder, files.authorities), 'utf8')) as Authorities

/** When a certificate that is as it should be is valid. */
export const usualDates = (nowMs: number): { notBeforeMs: number; notAfterMs: number } => ({
  notBeforeMs: nowMs - 60 * minuteMs,
  notAfterMs: nowMs + 7 * dayMs,
})

const datesOf: { [S in Shown]?: (nowMs: number) => { notBeforeMs: number; notAfterMs: number } } = {
  'almost over': nowMs => ({ notBeforeMs: nowMs - 58 * minuteMs, notAfterMs: nowMs + 2 * minuteMs }),
  'from the future': nowMs => ({ notBeforeMs: nowMs + 5 * minuteMs, notAfterMs: nowMs + 65 * minuteMs }),
}

export type Identity = {
  /** Writes what services and agents read. Certificates that stay as they were are not made anew. */
  write(world: World): Promise<void>
}

export const openIdentity = (folder: string, layout: Layout, authorities: Authorities, now: () => number): Identity => {
  const made = new Map<string, { shows: string; certified: Certified }>()
  let sequence = Math.floor(now() / 1000)
  const certify = async (key: string, shows: string, make: () => Promise<Certified>): Promise<Certified> => {
    const before = made.get(key)
    if (before?.shows === shows) return before.certified
    const certified = await make()
    made.set(key, { shows, certified })
    return certified
  }
  const showOf = ({ name, cloud, host }: (typeof services)[number], shows: Shown): Promise<Certified> => {
    const [other] = services.filter(one => one.cloud === cloud && one.name !== name)
    const authority = authorities[cloud][shows === 'of the next authority' ? 1 : 0]
    const id = serviceIdOf({ cloud, name: shows === "another service's" ? other!.name : name })
    return certify(name, shows, () => issue(authority, { key: 'rsa', id, names: [host], ...(datesOf[shows] ?? usualDates)(now()) }))
  }
  const servicesOf = async (cloud: Cloud, world: World): Promise<ServicesFile> => ({
    host: layout.services[cloud],
    services: await Promise.all(
      services
        .filter(one => one.cloud === cloud)
        .map(async service => {
          const { shows, takes } = world.services[service.name]!
          const accepts = takes.flatMap(client => authorities[client].map(({ rootPem }) => rootPem)).join('')
          return { name: service.name, port: service.port, accepts, ...(await showOf(service, shows)) }
        }),
    ),
    bundle: {
      port: ports.bundle,
      document: bundleDocument(authorities[cloud].slice(0, world.clouds[cloud].publishes), sequence),
      ...(await certify(`${cloud} endpoint`, '', () => issue(authorities[cloud][0], { id: endpointIdOf(cloud), ...usualDates(now()) }))),
    },
    dns: {
      port: ports.dns,
      names: Object.fromEntries(
        services.map(({ name, host, cloud: where }) => [host, world.clouds[cloud].resolves[name] ?? layout.services[where]]),
      ),
    },
  })
  return {
    async write(world) {
      sequence += 1
      for (const cloud of cloudNames) {
        mkdirSync(join(folder, cloud), { recursive: true, mode: 0o755 })
        for (const other of cloudNames) {
          const held = world.clouds[cloud].behind.includes(other) ? 1 : world.clouds[other].publishes
          writeWhole(join(folder, files.bundle(cloud, other)), bundleDocument(authorities[other].slice(0, held), sequence))
        }
        writeWhole(join(folder, files.services(cloud)), JSON.stringify(await servicesOf(cloud, world)))
      }
    },
  }
}
