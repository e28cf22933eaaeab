/** Who is who in the world: the certificates that services show, whom they take, and the bundles that are published and held. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  agentIdOf,
  type Cloud,
  cloudNames,
  endpointIdOf,
  type Layout,
  ports,
  type Service,
  serviceIdOf,
  services,
  trustDomainOf,
  workload,
} from './clouds.ts'
import { documentsOf, type Federated, issuerOf, readFederated } from './federated.ts'
import { files, writeWhole } from './folder.ts'
import { type Authority, bundleDocument, type Certified, issue, makeAuthority, makeAuthorityBelow } from './issue.ts'
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

/** Of SVIDs that nobody has renewed. */
const lapsedDates = (nowMs: number): { notBeforeMs: number; notAfterMs: number } => ({
  notBeforeMs: nowMs - 61 * minuteMs,
  notAfterMs: nowMs - minuteMs,
})

const datesOf: { [S in Shown]?: (nowMs: number) => { notBeforeMs: number; notAfterMs: number } } = {
  'almost over': nowMs => ({ notBeforeMs: nowMs - 58 * minuteMs, notAfterMs: nowMs + 2 * minuteMs }),
  'over in three weeks': nowMs => ({ notBeforeMs: nowMs - 344 * dayMs, notAfterMs: nowMs + 21 * dayMs }),
  'from the future': nowMs => ({ notBeforeMs: nowMs + 5 * minuteMs, notAfterMs: nowMs + 65 * minuteMs }),
}

export type Identity = {
  /** Writes what services and agents read. Certificates that stay as they were are not made anew. */
  write(world: World): Promise<void>
}

/** Longer than services take to see that their file is another one. */
const seenAfterMs = 700

type Published = Record<Cloud, { count: number; document: string }>

/** A trust domain's document is another one only when its authorities are, and then has a higher sequence number. */
const publish = (world: World, authorities: Authorities, before: Published | undefined, sequence: number): Published =>
  Object.fromEntries(
    cloudNames.map(cloud => {
      const count = world.clouds[cloud].publishes
      const isSame = before?.[cloud].count === count
      return [cloud, isSame ? before[cloud] : { count, document: bundleDocument(authorities[cloud].slice(0, count), sequence) }]
    }),
  ) as Published

/** The folder has the federation's file. `real`: what is written already; without it everything is. */
export const openIdentity = (folder: string, layout: Layout, authorities: Authorities, now: () => number, real?: World): Identity => {
  const certify = createCertifier(authorities, layout, now)
  const federated = readFederated(folder)
  let sequence = 1
  let last = real && { world: real, published: publish(real, authorities, undefined, sequence) }
  const writeServices = async (world: World, published: Published): Promise<void> => {
    for (const cloud of cloudNames) {
      const file = await servicesOf(cloud, {
        ...{ world, layout, certify, authorities, federated },
        document: published[cloud].document,
      })
      writeWhole(join(folder, files.services(cloud)), JSON.stringify(file))
    }
  }
  /** Who is behind keeps what it has. */
  const writeHeld = (world: World, published: Published): void => {
    for (const cloud of cloudNames)
      for (const other of cloudNames)
        if (!world.clouds[cloud].behind.includes(other)) writeWhole(join(folder, files.bundle(cloud, other)), published[other].document)
  }
  const writeAgents = async (before: World, world: World): Promise<void> => {
    for (const cloud of cloudNames) {
      const { isLapsed } = world.clouds[cloud]
      if (isLapsed === before.clouds[cloud].isLapsed) continue
      const dates = (isLapsed ? lapsedDates : usualDates)(now())
      const { chainPem, keyPem } = await issue(authorities[cloud][0], { id: agentIdOf(cloud), ...dates })
      writeWhole(join(folder, files.agentCertificate(cloud)), chainPem)
      writeWhole(join(folder, files.agentKey(cloud)), keyPem)
    }
  }
  /** An authority is published and held before it signs, and taken back only when nothing shows it any more. */
  const rotate = async (before: World, world: World, old: Published, published: Published): Promise<void> => {
    const grows = cloudNames.some(cloud => old[cloud].count < published[cloud].count)
    await writeServices(grows ? before : world, grows ? published : old)
    await sleep(seenAfterMs)
    await writeServices(grows ? before : world, published)
    await sleep(seenAfterMs)
    writeHeld(world, published)
    await sleep(seenAfterMs)
  }
  return {
    async write(world) {
      for (const cloud of cloudNames) mkdirSync(join(folder, cloud), { recursive: true, mode: 0o755 })
      const published = publish(world, authorities, last?.published, last ? sequence + 1 : sequence)
      const isRotated = last && cloudNames.some(cloud => last!.published[cloud].count !== published[cloud].count)
      if (last && isRotated) {
        sequence += 1
        await rotate(last.world, world, last.published, published)
      }
      await writeServices(world, published)
      writeHeld(world, published)
      if (last) await writeAgents(last.world, world)
      last = { world, published }
    },
  }
}

type Certify = (service: Service, shows: Shown) => Promise<Certified>

const createCertifier = (
  authorities: Authorities,
  layout: Layout,
  now: () => number,
): Certify & { endpoint: (cloud: Cloud) => Promise<Certified> } => {
  const made = new Map<string, { shows: string; certified: Promise<Certified> }>()
  const keep = (key: string, shows: string, make: () => Promise<Certified>): Promise<Certified> => {
    const before = made.get(key)
    if (before?.shows === shows) return before.certified
    const certified = make()
    made.set(key, { shows, certified })
    return certified
  }
  const ofService: Certify = ({ name, cloud, host }, shows) => {
    const other = services.find(one => one.cloud === cloud && one.name !== name)!
    const of = authorities[cloud][shows === 'of the next authority' ? 1 : 0]
    const id = serviceIdOf({ cloud, name: shows === "another service's" ? other.name : name })
    const isBelow = shows === 'below one that is over in three days'
    return keep(name, shows, async () => {
      const authority = isBelow ? await makeAuthorityBelow(of, now() - 362 * dayMs, now() + 3 * dayMs) : of
      return issue(authority, { key: 'rsa', id, names: [host], ...(datesOf[shows] ?? usualDates)(now()) })
    })
  }
  const endpoint = (cloud: Cloud): Promise<Certified> =>
    keep(`endpoint of ${cloud}`, '', () =>
      issue(authorities[cloud][0], { id: endpointIdOf(cloud), addresses: [layout.services[cloud]], ...usualDates(now()) }),
    )
  return Object.assign(ofService, { endpoint })
}

type Parts = {
  world: World
  layout: Layout
  certify: ReturnType<typeof createCertifier>
  authorities: Authorities
  federated: Federated
  document: string
}

const servicesOf = async (cloud: Cloud, { world, layout, certify, authorities, federated, document }: Parts): Promise<ServicesFile> => ({
  host: layout.services[cloud],
  services: await Promise.all(
    services
      .filter(one => one.cloud === cloud)
      .map(async service => {
        const { shows, takes, admits } = world.services[service.name]!
        const accepts = takes.flatMap(client => authorities[client].map(({ rootPem }) => rootPem)).join('')
        return { name: service.name, port: service.port, accepts, admits: admits.map(trustDomainOf), ...(await certify(service, shows)) }
      }),
  ),
  bundle: { port: ports.bundle, document, ...(await certify.endpoint(cloud)) },
  ...(cloud === workload.cloud && { issuer: { port: ports.issuer, ...federated.issuer, documents: documentsOf(federated, layout) } }),
  ...(cloud === workload.to && { tokens: tokensOf(federated, world, layout) }),
  dns: {
    port: ports.dns,
    names: Object.fromEntries(
      services.map(({ name, host, cloud: where }) => [host, world.clouds[cloud].resolves[name] ?? layout.services[where]]),
    ),
  },
})

const tokensOf = ({ tokens, authorityPem }: Federated, { trusts }: World, layout: Layout): NonNullable<ServicesFile['tokens']> => ({
  port: ports.tokens,
  ...tokens,
  authorityPem,
  policy: { role: workload.role, issuer: issuerOf(layout), subject: trusts, audience: workload.audience },
})
