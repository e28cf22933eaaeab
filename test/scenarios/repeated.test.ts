import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'
import { listPrograms, listSockets } from '../lab/sockets.ts'

const skip = await needsNamespaces()
const sites = ['aws', 'azure'] as const
const runs = 50
const atOnce = 5
/** How long the service may take to hear that its clients are gone. */
const goneMs = 2000

const namespaceOf = (pid: number | string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined
  }
}

t.test(`${runs} runs against a healthy target: each exits with 0, and nothing is left`, { skip }, async t => {
  const pair = await startCloudPair()
  t.teardown(pair.stop)
  const look = async () => ({
    sockets: await Promise.all(sites.map(site => listSockets(pair, site))),
    programs: await listPrograms(pair, 'aws'),
  })
  const before = await look()
  const seen: object[] = []
  let begun = 0
  const work = async () => {
    while (begun++ < runs) {
      const { status, document, causes } = await probeFrom(pair)
      seen.push({ status, verdict: document.verdict, causes })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  t.strictSame(seen, Array(runs).fill({ status: 0, verdict: 'ok', causes: [] }))

  let after = await look()
  for (const end = performance.now() + goneMs; !isSame(after, before) && performance.now() < end; after = await look()) await sleep(50)
  t.strictSame(after, before)
  const namespaces = sites.map(site => namespaceOf(pair.sites[site].pid))
  await pair.stop()
  t.notOk(
    readdirSync('/proc').some(name => /^\d+$/.test(name) && namespaces.includes(namespaceOf(name) ?? 'gone')),
    'no process holds a namespace of the network',
  )
})

const isSame = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other)
