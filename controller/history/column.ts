import { type Form, otherVariant } from '../../wire/metrics.ts'

/** What becomes of values that come together: `last` and `least` both are of gauges. */
export const columnForms = ['sum', 'last', 'least', 'times'] as const
export type ColumnForm = (typeof columnForms)[number]
/** One metric with the values of the attributes that it has beside the path's; '' for an absent one. */
export type Column = { readonly key: string; readonly form: ColumnForm; readonly variant: readonly string[] }

export const columnName = ({ key, form, variant }: Column): string => [form, key, ...variant].join('\0')

/** More than there are reasons, so that only what peers can invent ends up in `_OTHER`. */
const maxVariants = 96

/** The number of a column, the same for the life of the process: what cells of a minute have instead of its name. */
export class ColumnNumbers {
  readonly all: Column[] = []
  readonly #byName = new Map<string, number>()
  readonly #variants = new Map<string, number>()

  numberOf(column: Column): number {
    const name = columnName(column)
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const family = `${column.form}\0${column.key}`
    const count = this.#variants.get(family) ?? 0
    const other = column.variant.map(() => otherVariant)
    if (count >= maxVariants && column.variant.some(value => value !== otherVariant)) return this.numberOf({ ...column, variant: other })
    this.#variants.set(family, count + 1)
    this.#byName.set(name, this.all.length)
    return this.all.push(column) - 1
  }
}

/** The forms in which a measure's values are kept. */
export const columnFormsOf = (form: Form): readonly ColumnForm[] => (form === 'gauge' ? ['last', 'least'] : [form])
