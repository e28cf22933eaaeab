import type { Test } from 'tap'
import { putAlertState, readAlertState } from '../../../controller/store/alert-state.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { ackIncident, dropIncidents, getIncident, listGoingOn, listIncidents, putIncident } from '../../../controller/store/incidents.ts'
import { addDecision, dropDecisions, endDecision, getDecision, listDecisions } from '../../../controller/store/silences.ts'
import { type Subject, withStore } from './contract.ts'

const incident = {
  id: 'a',
  key: 'reach:agent:vm-1:both',
  state: 'open' as const,
  severity: 'page' as const,
  formedMs: 10,
  endedMs: null,
  body: { title: 'x' },
}

export const alertsContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'what alerts remember is kept by scope, and an empty text forgets it', async (t, store) => {
    await store.write(async sql => {
      await putAlertState(sql, 'b', '{"x":1}', 1)
      await putAlertState(sql, 'a', 'one', 1)
      await putAlertState(sql, 'b', 'two', 2)
    })
    t.strictSame(
      await store.read(readAlertState),
      new Map([
        ['a', 'one'],
        ['b', 'two'],
      ]),
    )
    await store.write(sql => putAlertState(sql, 'a', '', 3))
    t.strictSame(await store.read(readAlertState), new Map([['b', 'two']]))
  })

  await withStore(
    t,
    subject,
    'an incident is written again and again by the leader, and what people said of it stays',
    async (t, store) => {
      await store.write(sql => putIncident(sql, { ...incident, state: 'forming' }))
      t.equal(await store.write(sql => ackIncident(sql, 'a', { author: 'ann', atMs: 5 })), false, 'nobody knows of one that forms')
      await store.write(sql => putIncident(sql, incident))
      t.equal(await store.write(sql => ackIncident(sql, 'a', { author: 'ann', atMs: 5, note: 'mine' })), true)
      await store.write(sql => putIncident(sql, { ...incident, severity: 'ticket', body: { title: 'y' } }))
      const want = { ...incident, severity: 'ticket', body: { title: 'y' }, ack: { author: 'ann', atMs: 5, note: 'mine' } }
      t.strictSame(await store.read(sql => getIncident(sql, 'a')), want)
      t.strictSame(await store.read(listGoingOn), [want])
      await store.write(sql => putIncident(sql, { ...incident, state: 'ended', endedMs: 20 }))
      t.strictSame(await store.read(listGoingOn), [])
      t.equal((await store.read(sql => listIncidents(sql, { sinceMs: 20, limit: 5 }))).length, 1)
      t.equal((await store.read(sql => listIncidents(sql, { sinceMs: 21, limit: 5 }))).length, 0)
      t.match(await store.read(sql => readEvents(sql, 0, 10)), [{ kind: 'incident_acknowledged', subject: 'a' }])
      t.equal(await store.write(sql => dropIncidents(sql, 21)), 1)
    },
  )

  await withStore(t, subject, 'silences and the like go on until their end, and can be ended before', async (t, store) => {
    const made = { author: 'ann', reason: 'we know', match: { place: 'aws' }, startMs: 10, createdMs: 5 }
    const silence = await store.write(sql => addDecision(sql, { ...made, kind: 'silence', endMs: 100 }))
    const change = await store.write(sql => addDecision(sql, { ...made, kind: 'change', endMs: null }))
    t.strictSame(await store.read(sql => listDecisions(sql, ['silence'])), [silence])
    t.strictSame(await store.read(sql => getDecision(sql, 'change', change.id)), change)
    t.equal(await store.read(sql => getDecision(sql, 'silence', change.id)), undefined)
    t.strictSame(await store.read(sql => listDecisions(sql, ['silence', 'change'], 100)), [], 'what is over is left out')
    t.equal(await store.write(sql => endDecision(sql, { id: silence.id, kind: 'silence', author: 'bob', nowMs: 50 })), true)
    t.equal(await store.write(sql => endDecision(sql, { id: silence.id, kind: 'silence', author: 'bob', nowMs: 60 })), false)
    t.equal((await store.read(sql => getDecision(sql, 'silence', silence.id)))?.endMs, 50)
    t.equal(await store.write(sql => dropDecisions(sql, 51)), 2)
  })
}
