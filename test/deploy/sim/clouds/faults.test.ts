/** The faults of the simulation, as changes to its world. */
import t from 'tap'
import { cloudNames } from '../../../../deploy/sim/clouds/clouds.ts'
import { faultNamed, faults } from '../../../../deploy/sim/clouds/faults.ts'
import { startPlaying } from '../../../../deploy/sim/clouds/playing.ts'
import { healthyWorld, type World } from '../../../../deploy/sim/clouds/world.ts'
import { linkProblems } from '../../../../deploy/sim/link.ts'

const wanted = ['N2', 'N3', 'N5', 'N7', 'N8', 'N9', 'N10', 'N12', 'N14', 'I2', 'I5', 'I7', 'I9', 'I12']

t.test('every situation that can be switched on is there, once, with its story in one line', async t => {
  const scenarios = faults.map(({ scenario }) => scenario)
  for (const scenario of wanted) t.ok(scenarios.includes(scenario), scenario)
  t.equal(new Set(faults.map(({ name }) => name)).size, faults.length)
  for (const { name, story, expect, look } of faults) {
    t.match(name, /^[a-z][a-z-]+$/)
    for (const text of [story, expect, look]) t.match(text, /^[^\n]{10,140}$/, name)
    t.match(look, /^probe get /)
    t.equal(faultNamed(name)?.name, name)
  }
})

for (const fault of faults)
  t.test(`${fault.name} changes the world, and only in ways that the WAN takes`, async t => {
    const world = healthyWorld()
    fault.change(world)
    t.not(JSON.stringify(world), JSON.stringify(healthyWorld()))
    for (const [key, link] of Object.entries(world.links)) t.strictSame(linkProblems(link), [], key)
    t.strictSame(Object.keys(world.links), Object.keys(healthyWorld().links), 'no link that there is not')
    t.strictSame(Object.keys(world.services), Object.keys(healthyWorld().services))
    t.strictSame(Object.keys(world.clouds), cloudNames)
  })

/** What a stage was told, with what is unset left out. */
const record = () => {
  const told: string[] = []
  const worlds: World[] = []
  return {
    told,
    worlds,
    stage: {
      setLink: async (from: string, to: string, link: object) => void told.push(`${from} ${to} ${JSON.stringify(link)}`),
      useRoute: async (from: string, to: string, route: string, afterMs?: number) =>
        void told.push(`${from} ${to} over ${route}${afterMs === undefined ? '' : ` after ${afterMs}`}`),
      setIdentities: async (world: World) => void worlds.push(world),
    },
  }
}

t.test('one that is switched off leaves nothing of itself, and nothing of others is taken back', async t => {
  const { told, stage } = record()
  const playing = startPlaying(stage, () => 7)
  await playing.set('loss-one-way', true)
  t.match(told, [/^azure gcp .*"loss":0\.02/])
  await playing.set('mtu-black-hole', true)
  t.match(told.slice(1), [/^azure aws .*"mtu":1380/])
  t.notMatch(told[1], /clampMss/, 'the clamp is unset')
  await playing.set('loss-one-way', false)
  t.match(told.slice(2), [/^azure gcp .*"loss":0[,}]/])
  await playing.set('mtu-black-hole', false)
  t.match(told.slice(3), [/^azure aws .*"mtu":1420.*"clampMss":1380/])
  t.strictSame(
    playing.list().filter(({ on }) => on),
    [],
  )
})

t.test('a route is changed in one or both directions, with an outage where there is one', async t => {
  const { told, stage } = record()
  const playing = startPlaying(stage, () => 7)
  await playing.set('tunnel-down', true)
  t.strictSame(told.splice(0), ['aws azure over detour after 8000', 'azure aws over detour after 8000'])
  await playing.set('tunnel-down', false)
  t.strictSame(told.splice(0), ['aws azure over main', 'azure aws over main'])
  await playing.set('asymmetric-route', true)
  t.strictSame(told.splice(0), ['gcp aws over detour'])
})

t.test('identities are changed only by faults of identities', async t => {
  const { told, worlds, stage } = record()
  const playing = startPlaying(stage, () => 7)
  await playing.set('bundle-behind', true)
  t.equal(worlds.length, 1)
  t.match(worlds[0]?.clouds, { azure: { publishes: 2 }, aws: { behind: ['azure'] }, gcp: { behind: [] } })
  await playing.set('mtu-black-hole', true)
  t.equal(worlds.length, 1)
  t.equal(told.length, 1)
  t.equal((await playing.set('bundle-behind', true))?.sinceMs, 7, 'twice is once')
  t.equal(worlds.length, 1)
  t.equal(await playing.set('no-such-fault', true), undefined)
})
