import { Transform } from 'node:stream'

const mostLines = 40
const indentOf = line => line.length - line.trimStart().length

/** TAP as tap prints it, and last what people and pipelines read: each failure again with its place, what was skipped, and "N passed, N failed". */
export default class Report extends Transform {
  #rest = ''
  #summary = ''
  /** The subtest that is open at each depth. */
  #open = []
  #failures = []
  /** The failure whose lines are being read. */
  #last

  _transform(chunk, _encoding, done) {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) this.#read(line)
    done(null, chunk)
  }

  #read(line) {
    const indent = indentOf(line)
    const text = line.slice(indent)
    if (this.#last && indent > this.#last.indent) {
      if (!text.startsWith('# Subtest') && this.#last.lines.length < mostLines) this.#last.lines.push(line)
      if (!text.startsWith('# Subtest')) return
    }
    this.#last = undefined
    if (text.startsWith('# Subtest: ')) this.#open.splice(indent / 4, Number.POSITIVE_INFINITY, text.slice(11))
    else if (text.startsWith('not ok ') && !/# (skip|todo)\b/i.test(text)) this.#fail(text, indent)
    else if (text.startsWith('# { total: ')) this.#summary = text
  }

  /** A test that failed because one within it did is not told again. */
  #fail(text, indent) {
    const around = this.#open.slice(0, indent / 4)
    const name = text.replace(/^not ok \d+ - /, '').replace(/ # time=.*$/, '')
    if (this.#failures.at(-1)?.place.startsWith([...around, name].join(' > '))) return
    this.#last = { place: around.join(' > '), text, indent, lines: [] }
    this.#failures.push(this.#last)
  }

  _flush(done) {
    const counts = Object.fromEntries([...this.#summary.matchAll(/(\w+): (\d+)/g)].map(([, name, count]) => [name, count]))
    for (const { place, text, lines } of this.#failures) this.push([`FAILED ${place}`, text, ...lines, ''].join('\n'))
    if (counts.skip) this.push(`${counts.skip} skipped, each by name above\n`)
    this.push(`${counts.pass ?? 0} passed, ${counts.fail ?? 0} failed\n`)
    done()
  }
}
