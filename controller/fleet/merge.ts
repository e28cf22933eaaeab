/**
 * Several owners, one fleet. Each owner has one document; applying a document replaces what its owner had and nothing else. A name belongs to
 * whoever has it first.
 */
import type { Fleet } from '../../wire/fleet.ts'
import type { Finding } from '../../wire/read.ts'
import { quote } from '../../wire/values.ts'
import { emptyFleet, objectsOf } from './objects.ts'

export type Owned<T> = T & { readonly owner: string }
/** As it was written: whose it is does not concern agents. */
export const withoutOwner = <T extends object>(object: T): T => {
  const { owner: _, ...rest } = object as T & { owner?: string }
  return Object.freeze(rest) as T
}
type OwnedList<T extends readonly unknown[]> = readonly Owned<T[number]>[]
/** A fleet of which every object says whose it is. */
export type MergedFleet = { readonly [S in Exclude<keyof Fleet, 'apiVersion' | 'owner' | 'alerts'>]: OwnedList<Fleet[S]> } & {
  readonly alerts: { readonly [S in Exclude<keyof Fleet['alerts'], 'runbooks'>]: OwnedList<Fleet['alerts'][S]> } & {
    /** Where each owner's runbooks are, of those that say. */
    readonly runbooks: readonly Owned<{ base: string }>[]
  }
}

/** The documents of all owners after one of them is applied: its owner's former document is gone. Sorted by owner. */
export const applyDocument = (documents: readonly Fleet[], document: Fleet): Fleet[] =>
  [...documents.filter(({ owner }) => owner !== document.owner), document].sort((a, b) => (a.owner < b.owner ? -1 : 1))

/** All objects of all owners, the same whatever the order of the documents. */
export const mergeFleets = (documents: readonly Fleet[]): MergedFleet => {
  const all = documents.reduce(applyDocument, [])
  const join = <T extends object>(listOf: (fleet: Fleet) => readonly T[]): readonly Owned<T>[] =>
    Object.freeze(all.flatMap(fleet => listOf(fleet).map(object => Object.freeze({ ...object, owner: fleet.owner }))))
  return Object.freeze({
    clusters: join(fleet => fleet.clusters),
    trustDomains: join(fleet => fleet.trustDomains),
    targets: join(fleet => fleet.targets),
    checks: join(fleet => fleet.checks),
    mesh: join(fleet => fleet.mesh),
    links: join(fleet => fleet.links),
    prices: join(fleet => fleet.prices),
    alerts: Object.freeze({
      rules: join(fleet => fleet.alerts.rules),
      receivers: join(fleet => fleet.alerts.receivers),
      routes: join(fleet => fleet.alerts.routes),
      runbooks: join(({ alerts: { runbooks } }) => (runbooks === undefined ? [] : [{ base: runbooks }])),
    }),
  })
}

/** What is written twice in a document, and what another owner has already. The document may still have other mistakes. */
export const nameProblems = (document: unknown, owner: string, documents: readonly Fleet[]): Finding[] => {
  const held = new Map<string, string>()
  for (const other of documents)
    if (other.owner !== owner) for (const { word, key } of objectsOf(other)) held.set(`${word} ${key}`, other.owner)
  const seen = new Map<string, number>()
  return objectsOf(document).flatMap(({ word, key, keyName, steps }): Finding[] => {
    const id = `${word} ${key}`
    const holder = held.get(id)
    const first = seen.get(id)
    const at = [...steps, keyName]
    if (holder !== undefined) return [{ steps: at, message: `the ${word} ${quote(key)} belongs to the owner ${holder}, take another name` }]
    if (first !== undefined)
      return [{ steps: at, message: `the ${word} ${quote(key)} is there already, as number ${first + 1} of the list` }]
    seen.set(id, Number(steps.at(-1)))
    return []
  })
}

/** What an owner has, or nothing yet. */
export const documentOf = (documents: readonly Fleet[], owner: string): Fleet =>
  documents.find(document => document.owner === owner) ?? emptyFleet(owner)
