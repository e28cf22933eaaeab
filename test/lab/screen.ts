const escapeCode = '\u001b'
const tokens = new RegExp(`${escapeCode}\\[(\\d*)([A-Za-z])|[^${escapeCode}]`, 'gsu')

/** What stands on a terminal after it has got a text: as much of ECMA-48 as the command uses. */
export const screenOf = (text: string): string[] => {
  const rows = ['']
  let [row, column] = [0, 0]
  for (const [token, count, what] of text.matchAll(tokens)) {
    if (what === 'A') row = Math.max(0, row - Number(count || 1))
    else if (what === 'J') rows.splice(row, rows.length, rows[row]!.slice(0, column))
    else if (what === 'K') rows[row] = ''
    else if (what === 'm') continue
    else if (what !== undefined) throw new Error(`the terminal of these tests knows no ${JSON.stringify(token)}`)
    else if (token === '\r') column = 0
    else if (token === '\n') {
      column = 0
      if (++row === rows.length) rows.push('')
    } else {
      rows[row] = rows[row]!.slice(0, column).padEnd(column) + token + rows[row]!.slice(column + 1)
      column += 1
    }
  }
  return rows
}
