/** What a terminal showed, as a picture: text with the colours that a program asked for (ECMA-48 SGR), lines that come one after the other and stay. Pure. */

/** One line, and when it is to be seen, from the start of the picture. */
export type Shown = { text: string; atMs: number }

const columns = 100
const lineHeight = 19
const charWidth = 8.43
const margin = 18
const barHeight = 34

const colours: Record<string, string> = { '1': 'b', '2': 'd', '31': 'r', '32': 'g', '33': 'y' }
const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Pieces of one style each; other control sequences are left out. */
const piecesOf = (line: string): { classes: string; text: string }[] => {
  let classes: string[] = []
  return line.split('\u001b').flatMap((part, at) => {
    const [whole = '', parameters = '', kind = ''] = (at > 0 && /^\[([\d;?]*)([A-Za-z])/.exec(part)) || []
    if (kind === 'm')
      for (const one of parameters.split(';'))
        classes = one === '' || one === '0' ? [] : colours[one] ? [...classes, colours[one]] : classes
    const text = part.slice(whole.length)
    return text === '' ? [] : [{ classes: classes.join(' '), text }]
  })
}

const lineSvg = ({ text, atMs }: Shown, row: number): string => {
  const inner = piecesOf(text)
    .map(({ classes, text: piece }) => (classes ? `<tspan class="${classes}">${escapeXml(piece)}</tspan>` : escapeXml(piece)))
    .join('')
  const y = barHeight + margin + lineHeight * row
  return inner === '' ? '' : `<text x="${margin}" y="${y}" style="animation-delay:${Math.round(atMs)}ms">${inner}</text>`
}

/** Fonts of whoever looks: no web page is asked for one. Who wants no motion sees the end at once. */
const look = `
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6deeb;white-space:pre;opacity:0;animation:show .01s forwards}
.b{font-weight:700;fill:#fff}.d{fill:#8090a0}.r{fill:#ff6b68}.g{fill:#7ddf8a}.y{fill:#f2c55c}
@keyframes show{to{opacity:1}}
@media(prefers-reduced-motion:reduce){text{animation:none;opacity:1}}`

export const terminalSvg = (lines: readonly Shown[], title: string): string => {
  const width = Math.round(columns * charWidth) + 2 * margin
  const height = barHeight + 2 * margin + lineHeight * (lines.length - 1)
  const lights = ['#ff5f57', '#febc2e', '#28c840'].map((fill, at) => `<circle cx="${24 + 20 * at}" cy="18" r="6" fill="${fill}"/>`).join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>${look}
</style>
<rect width="${width}" height="${height}" rx="10" fill="#0f1720"/>${lights}
${lines
  .map(lineSvg)
  .filter(one => one !== '')
  .join('\n')}
</svg>
`
}
