/** The outputs for programs. */
import type { RunDocument } from '../wire/result.ts'
import type { Io } from './io.ts'
import type { Reporter } from './reporter.ts'

/** Formats that are one text at the end. */
export const buildWhole = (textOf: (documents: RunDocument[]) => string, io: Io): Reporter => ({
  event: () => {},
  close: documents => void io.stdout.write(textOf(documents)),
})

/** One document, or an array of them for several targets. */
export const jsonText = (documents: RunDocument[]): string =>
  `${JSON.stringify(documents.length === 1 ? documents[0] : documents, null, 2)}\n`

/** One line per result as it comes, and per target a last one with the verdict. A result's line is final: none is revised by a later one. */
export const buildNdjson = (io: Io): Reporter => {
  const write = (line: object) => io.stdout.write(`${JSON.stringify(line)}\n`)
  return {
    event: (_index, event) => {
      if (event.type === 'final') write({ schema: 'causeway.result/1', ...event.result })
      if (event.type !== 'end') return
      const { results: _, ...rest } = event.document
      write(rest)
    },
    close: () => {},
  }
}
