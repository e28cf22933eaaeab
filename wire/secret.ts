import { inspect } from 'node:util'

const shown = '***'

/** A private key or token that every way of printing shows as `***`: string conversion, JSON, util.inspect, structuredClone. Only `reveal()` gives it. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }

  /** The value, for the one call that needs it. Keep it out of variables that outlive that call. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
