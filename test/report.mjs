import { Transform } from 'node:stream'

/** TAP as tap prints it, and last the one plain line that people and pipelines read: "N passed, N failed". What was skipped has a line before. */
export default class Report extends Transform {
  #tail = ''

  _transform(chunk, _encoding, done) {
    this.#tail = (this.#tail + chunk).slice(-4096)
    done(null, chunk)
  }

  _flush(done) {
    const summary = [...this.#tail.matchAll(/^# \{ (total: [^}]*) \}$/gm)].at(-1)?.[1] ?? ''
    const counts = Object.fromEntries(summary.split(', ').map(pair => pair.split(': ')))
    if (counts.skip) this.push(`${counts.skip} skipped, each by name above\n`)
    this.push(`${counts.pass ?? 0} passed, ${counts.fail ?? 0} failed\n`)
    done()
  }
}
