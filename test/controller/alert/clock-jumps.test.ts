/** The clock of the controller is set, or its machine stood still: nobody is lost for that, and what was wrong before is the same incident after it. */
import t from 'tap'
import { readEvents } from '../../../controller/store/events.ts'
import { openStage, openStore, type Play, regionOf, settle, touchAll } from './script.ts'

const hour = 360
const isCut: Play = path =>
  [regionOf(path.from), regionOf(path.to)].every(place => place === 'aws/us-east-1' || place === 'azure/eastus') &&
  regionOf(path.from) !== regionOf(path.to)
    ? { fail: 1, reason: path.check === 'icmp' ? 'no_reply' : 'tcp_timeout' }
    : { ok: 1 }

for (const { name, jump } of [
  { name: 'an hour ahead', jump: hour },
  { name: 'an hour back', jump: -hour },
])
  t.test(`${name}: the incident that is open goes on, and nobody is lost`, async t => {
    const store = await openStore(t)
    await settle(store)
    const stage = await openStage(store)
    stage.play.is = isCut
    const term = await stage.begin()
    const turn = async (isHeard: boolean) => {
      stage.clock.tick++
      if (isHeard) await touchAll(store, stage)
      await term.turn()
    }
    stage.clock.tick = hour
    for (let k = 0; k < 25; k++) await turn(true)
    t.equal(term.incidents.length, 1, 'the link')
    const [before] = term.incidents
    stage.clock.tick += jump
    // Agents send every ten seconds: the first turn comes before any of them is heard of again.
    await turn(false)
    for (let k = 0; k < 25; k++) await turn(true)
    t.strictSame(
      term.incidents.map(({ id, key }) => ({ id, key })),
      [{ id: before!.id, key: before!.key }],
    )
    const events = await store.read(sql => readEvents(sql, 0, 1000))
    t.strictSame(
      events.map(({ kind }) => kind).filter(kind => kind === 'incident_opened' || kind === 'incident_resolved'),
      ['incident_opened'],
    )
  })
