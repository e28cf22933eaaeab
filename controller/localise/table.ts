/** Numbers by a key below `size`: an array while that is small, since a million pairs ask for a dozen each. */
export type Table = { get: (key: number) => number; set: (key: number, atom: number) => void }
const mostDense = 2 ** 22
export const startTable = (size: number): Table => {
  if (size > mostDense) {
    const sparse = new Map<number, number>()
    return { get: key => sparse.get(key) ?? -1, set: (key, atom) => void sparse.set(key, atom) }
  }
  const dense = new Int32Array(size).fill(-1)
  return { get: key => dense[key]!, set: (key, atom) => void (dense[key] = atom) }
}
