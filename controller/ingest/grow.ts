type Grows = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array | Int8Array

/** The array itself while it has room for `length` values, else a copy with room for at least a quarter more than that; what is new is `fill`. */
export const grown = <A extends Grows>(array: A, length: number, fill = 0): A => {
  if (length <= array.length) return array
  const larger = new (array.constructor as new (length: number) => A)(Math.max(16, Math.ceil(length * 1.25)))
  larger.set(array)
  if (fill !== 0) larger.fill(fill, array.length)
  return larger
}
