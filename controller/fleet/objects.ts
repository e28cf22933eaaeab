/** What a fleet document is made of: every object that has an owner, by what makes it one of its kind. */
import type { Fleet } from '../../wire/fleet.ts'
import type { Steps } from '../../wire/problem.ts'
import { isObject } from '../../wire/read.ts'

/** `key`: no two of a section have the same. */
export type FleetObject = { section: string; word: string; key: string; keyName: string; steps: Steps }

type Section = { steps: Steps; word: string; key: readonly string[] }
const sections: readonly Section[] = [
  { steps: ['clusters'], word: 'cluster', key: ['name'] },
  // Tokens are matched to a cluster by their issuer alone.
  { steps: ['clusters'], word: 'issuer', key: ['issuer'] },
  { steps: ['trustDomains'], word: 'trust domain', key: ['name'] },
  { steps: ['targets'], word: 'target', key: ['name'] },
  { steps: ['checks'], word: 'check', key: ['name'] },
  { steps: ['mesh'], word: 'mesh', key: ['name'] },
  { steps: ['links'], word: 'link', key: ['from', 'to'] },
  { steps: ['prices'], word: 'price', key: ['from', 'to', 'medium'] },
  { steps: ['alerts', 'rules'], word: 'rule', key: ['name'] },
  { steps: ['alerts', 'receivers'], word: 'receiver', key: ['name'] },
]

/** The objects of a document, which may still be full of mistakes: what has no key is left out. */
export const objectsOf = (document: unknown): FleetObject[] =>
  sections.flatMap(({ steps, word, key }) => {
    const list = steps.reduce((inner, step) => (isObject(inner) ? inner[step] : undefined), document)
    if (!Array.isArray(list)) return []
    return list.flatMap((item: unknown, index) => {
      const parts = key.map(name => (isObject(item) ? item[name] : undefined))
      if (typeof parts[0] !== 'string') return []
      return [
        {
          section: steps.join('.'),
          word,
          key: parts.filter(part => part !== undefined).join(' → '),
          keyName: key[0]!,
          steps: [...steps, index],
        },
      ]
    })
  })

export const namesOf = (objects: readonly FleetObject[], word: string): string[] =>
  objects.filter(object => object.word === word).map(({ key }) => key)

/** A document without anything: what an owner has before the first apply. */
export const emptyFleet = (owner: string): Fleet =>
  Object.freeze({
    apiVersion: 'causeway/v1',
    owner,
    clusters: [],
    trustDomains: [],
    targets: [],
    checks: [],
    mesh: [],
    links: [],
    prices: [],
    alerts: { rules: [], receivers: [], routes: [] },
  })
