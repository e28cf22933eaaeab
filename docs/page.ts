/** What all generated pages have in common. */
export const note = '<!-- Written by docs/generate.ts; change the lists it reads, then run `npm run docs`. -->'
const cell = (text: string): string => text.replaceAll('|', '\\|')
export const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.map(cell).join(' | ')} |`).join('\n')
