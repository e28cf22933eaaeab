/** The help that yargs lists, laid out: what an option's value looks like, and lines broken between words. */
import { wrap } from './terminal.ts'

const listed = /^ {2}(--[\w-]+)\s{2,}(.*?)\s*(?:\[(?:string|boolean)\])?$/

/** `  --count n  echoes to send`, at most `width` characters wide. */
export const layHelp = (text: string, width: number, shapeOf: (option: string) => string = () => ''): string => {
  const rows = text.split('\n').map(line => {
    const [, option, told] = listed.exec(line) ?? []
    return option === undefined || told === undefined ? line : { head: `  ${option} ${shapeOf(option.slice(2))}`.trimEnd(), told }
  })
  const column = Math.max(...rows.map(row => (typeof row === 'string' ? 0 : row.head.length))) + 2
  return rows
    .flatMap(row => {
      if (typeof row === 'string') return [row]
      const [first, ...more] = wrap(row.told, Math.max(20, width - column))
      return [`${row.head.padEnd(column)}${first}`, ...more.map(line => `${' '.repeat(column)}${line}`)]
    })
    .join('\n')
}
