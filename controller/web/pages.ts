/** Cuts a page out of a list that is there as a whole. */
import type { Page } from '../../wire/api/page.ts'

/** In the order of their keys, which are unique; the key of its last entry is where the next page goes on. */
export const pageOfList = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { limit, after }: { limit: number; after?: string },
): Page<T> => {
  const keyed = items.map(item => ({ item, key: keyOf(item) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => key > after)
  const page = rest.slice(0, limit)
  return { items: page.map(({ item }) => item), next: rest.length > limit ? page.at(-1)!.key : null }
}
