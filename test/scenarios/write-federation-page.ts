/** Plays every situation and writes the page of it. `node test/scenarios/write-federation-page.ts` */
import { writeFileSync } from 'node:fs'
import { cases } from './federation-cases.ts'
import { pageOf } from './federation-page.ts'
import { playAll } from './federation-play.ts'

const played = await playAll(cases)
const page = pageOf(cases.map(one => ({ one, document: played.get(one)!.document })))
writeFileSync(new URL('../../docs/reference/federation-scenarios.md', import.meta.url), page)
