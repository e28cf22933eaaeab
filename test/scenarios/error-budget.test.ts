/** A link with an objective that is cut for some seconds of every minute: no check fails long enough to be told, and the month's budget goes all the same (N17). */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { IncidentHead } from '../../wire/api/incidents.ts'
import type { SloAnswer } from '../../wire/api/measured.ts'
import { waitFor } from '../interop/programs.ts'
import { findEach, startCloudMesh, untilWell } from '../lab/cloud-mesh.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(900_000)

const [aws, azure] = ['aws/us-east-1', 'azure/eastus'] as const
const fleet = `apiVersion: causeway/v1
owner: platform
checks:
  - { name: connect, kind: tcp, every: 3s, timeout: 2s, lateness: 1s }
mesh: [{ name: all, checks: [connect], policy: full }]
links:
  - { from: ${aws}, to: ${azure}, medium: vpn, objective: { availability: 99.9 } }
  - { from: ${azure}, to: ${aws}, medium: vpn, objective: { availability: 99.9 } }
`
/** One bad window of 10 s in seven, at most two: three of five would be a failure of the path. */
const [cutMs, wellMs] = [7_000, 63_000]

t.test('what is lost a little at a time is paged once as a burning budget of the link', { skip }, async t => {
  const mesh = await startCloudMesh(t, {
    regions: { [aws]: { agents: 1 }, [azure]: { agents: 1 } },
    between: () => ({ delayMs: 15 }),
    fleet,
  })
  await untilWell(mesh, 'connect', 10)
  const stop = new AbortController()
  const cutting = (async () => {
    while (!stop.signal.aborted) {
      for (const loss of [1, 0]) {
        await mesh.setLink(aws, azure, { loss })
        await sleep(loss === 1 ? cutMs : wellMs, undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  })()
  t.teardown(() => stop.abort())
  const isBurn = ({ rules, place }: IncidentHead): boolean => rules.includes('default/burn-rate') && place === `${aws} ↔ ${azure}`
  const { burn } = await waitFor('a burning budget', () => findEach(mesh, { burn: isBurn }), 600_000)
  stop.abort()
  await cutting
  t.match(await mesh.incident(burn.id), {
    ...{ severity: 'page', direction: 'both', runbook: 'https://wiki.test/burn_rate' },
    title: `${aws} ↔ ${azure}: the error budgets of both ways go too fast`,
    evidence: [/: the error budget goes \d+ times too fast$/, /: the error budget goes \d+ times too fast$/],
    next: `probe check --from ${aws} --to ${azure} --both-ways`,
  })
  const { items } = await mesh.ask<{ items: SloAnswer[] }>('get', 'slo')
  t.equal(items.length, 2)
  for (const { availability, errorBudget, burn: rates, meets } of items) {
    t.ok(availability! > 0.5 && availability! < 0.999, `${availability}`)
    t.ok(errorBudget!.leftRatio < 0 && rates!.h1! > 14.4, JSON.stringify({ errorBudget, rates }))
    t.equal(meets, false)
  }
  await waitFor('word of it', async () => mesh.told.length > 0 || undefined, 120_000)
  t.same(new Set(mesh.told.map(({ page }) => page.severity)), new Set(['page']))
  t.equal(new Set((await mesh.incidents()).map(({ key }) => key)).size, 1, 'no path fails by itself')
})
