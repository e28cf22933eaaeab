/** Names that stand for other objects: each must exist, in this document or in another owner's. */
import type { Fleet } from '../../wire/fleet.ts'
import { nearest } from '../../wire/near.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { quote } from '../../wire/values.ts'
import { namesOf, objectsOf } from './objects.ts'
import { type Sound, soundOf } from './sound.ts'

type Reference = { word: string; name: string; steps: Steps }

/** Unknown names in a document, and names in the others' documents that this one would take away. */
export const referenceProblems = (document: unknown, sound: Sound, others: readonly Fleet[]): Finding[] => {
  const objects = [document, ...others].flatMap(objectsOf)
  const known = new Map(['target', 'check', 'mesh', 'receiver'].map(word => [word, new Set(namesOf(objects, word))]))
  const isUnknown = ({ word, name }: Reference): boolean => !known.get(word)!.has(name)
  const own = referencesOf(sound)
    .filter(isUnknown)
    .map(({ word, name, steps }) => {
      const near = nearest(name, [...known.get(word)!])
      return { steps, message: `there is no ${word} ${quote(name)}${near ? `, did you mean ${near}?` : `: add it, or take it out here`}` }
    })
  const orphaned = others.flatMap(other =>
    referencesOf(soundOf(other, []))
      .filter(isUnknown)
      .map(({ word, name }) => ({
        steps: [],
        message: `the ${word} ${quote(name)} is in use by the owner ${other.owner} and would be gone`,
      })),
  )
  return [...own, ...repeated(sound), ...orphaned]
}

const referencesOf = ({ checks, mesh, rules, routes }: Sound): Reference[] => [
  ...checks.flatMap(({ value, steps }) => each('target', value.targets ?? [], [...steps, 'targets'])),
  ...mesh.flatMap(({ value, steps }) => each('check', value.checks, [...steps, 'checks'])),
  ...rules.flatMap(({ value, steps }) =>
    (['check', 'target', 'mesh'] as const).flatMap(word => {
      const name = value.on?.[word]
      return name === undefined ? [] : [{ word, name, steps: [...steps, 'on', word] }]
    }),
  ),
  ...routes.flatMap(({ value, steps }) => each('receiver', value.to, [...steps, 'to'])),
]

const each = (word: string, names: readonly string[], steps: Steps): Reference[] =>
  names.map((name, index) => ({ word, name, steps: [...steps, index] }))

const repeated = (sound: Sound): Finding[] => {
  const seen = new Set<string>()
  return referencesOf(sound).flatMap(({ name, steps }): Finding[] => {
    if (typeof steps.at(-1) !== 'number') return []
    const id = `${steps.slice(0, -1).join('/')} ${name}`
    if (seen.has(id)) return [{ steps, message: `${quote(name)} is named twice here` }]
    seen.add(id)
    return []
  })
}
