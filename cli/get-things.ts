/** What `probe get` can show: where it is asked for, by what it is filtered, and how its rows look. */
import { agentQuerySchema } from '../wire/api/agents.ts'
import { fleetQuerySchema } from '../wire/api/fleet.ts'
import { decisionQuerySchema, incidentQuerySchema } from '../wire/api/incidents.ts'
import { historyQuerySchema, linkQuerySchema, pathQuerySchema, sloQuerySchema, targetQuerySchema } from '../wire/api/measured-query.ts'
import type { Schema } from '../wire/read.ts'
import {
  agentColumns,
  decisionColumns,
  generationColumns,
  historyColumns,
  incidentColumns,
  linkColumns,
  pathColumns,
  sloColumns,
  targetColumns,
} from './get-columns.ts'
import type { Column } from './table.ts'

export type Thing = {
  help: string
  path: string
  /** Its query's properties are flags: `groupBy` is `--group-by`. */
  query: Schema
  /** Where the list stands in the answer. */
  list: 'items' | 'generations'
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the list has, whose schema is the route's
  columns: (nowMs: number) => readonly Column<any>[]
  /** What is said when there is nothing. */
  empty?: string
}

export const things: { readonly [name: string]: Thing } = {
  agents: {
    help: 'who has enrolled',
    path: '/v1/agents',
    query: agentQuerySchema,
    list: 'items',
    columns: agentColumns,
    empty: 'no agent has enrolled: probe join-token makes what one enrols with',
  },
  targets: { help: 'what is probed', path: '/v1/targets', query: targetQuerySchema, list: 'items', columns: () => targetColumns },
  paths: { help: 'who probes what, and how it went', path: '/v1/paths', query: pathQuerySchema, list: 'items', columns: () => pathColumns },
  links: { help: 'from region to region', path: '/v1/links', query: linkQuerySchema, list: 'items', columns: () => linkColumns },
  history: { help: 'the same over a time', path: '/v1/history', query: historyQuerySchema, list: 'items', columns: () => historyColumns },
  slo: {
    help: 'objectives, and what is left of them this month',
    path: '/v1/slo',
    query: sloQuerySchema,
    list: 'items',
    columns: () => sloColumns,
    empty: 'no link has an objective: links[].objective of the fleet file',
  },
  incidents: {
    help: 'what is wrong',
    path: '/v1/incidents',
    query: incidentQuerySchema,
    list: 'items',
    columns: incidentColumns,
    empty: 'nothing is wrong',
  },
  silences: {
    help: 'of what nobody is told',
    path: '/v1/silences',
    query: decisionQuerySchema,
    list: 'items',
    columns: decisionColumns,
    empty: 'no silence: everything is told',
  },
  maintenance: {
    help: 'what is not judged',
    path: '/v1/maintenance',
    query: decisionQuerySchema,
    list: 'items',
    columns: decisionColumns,
    empty: 'no maintenance: everything is judged',
  },
  changes: {
    help: 'what was changed, and accepted',
    path: '/v1/changes',
    query: decisionQuerySchema,
    list: 'items',
    columns: decisionColumns,
    empty: 'no change was noted: probe change add notes one',
  },
  fleet: {
    help: 'generations of the fleet; --output yaml: the file of --owner',
    path: '/v1/fleet',
    query: fleetQuerySchema,
    list: 'generations',
    columns: generationColumns,
    empty: 'nothing was applied yet: agents probe each other by the fleet that is built in, and probe apply puts yours in its place',
  },
}

/** `groupBy` → `group-by`. Pages are turned by the command itself. */
export const flagOfKey = (key: string): string => key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
export const filterKeys = ({ query }: Thing): string[] =>
  Object.keys(query.properties ?? {}).filter(key => key !== 'limit' && key !== 'after')
