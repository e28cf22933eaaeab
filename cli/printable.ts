/** What came from the network, made safe to show: a certificate's subject may hold escape sequences that would drive the terminal. */

// Controls, line and paragraph separators, and what is invisible or turns the direction of writing round (Unicode TR 36 §3.1).
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu

const escapeOne = (character: string) => {
  const code = character.codePointAt(0)!
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** One line without control characters. Half surrogates become U+FFFD. */
export const printable = (text: string): string => text.toWellFormed().replace(unsafe, escapeOne)

/** The same for text of several lines, such as a command: line feeds stay, tabs become two spaces. */
export const printableLines = (text: string): string[] => text.replaceAll('\t', '  ').split(/\r?\n/).map(printable)
