/** What must not stand in a transcript: values of headers, bodies, keys, and what a URL has after its question mark. */
import type { Options } from '../wire/options.ts'

export const hidden = '***'

const secretFlag = /^--(header|body|call-body)(=|$)/
const withQuery = /^([a-z+]+:\/\/[^?]*)\?.*$/is

/** A URL whose query, if it has one, is something else. */
export const withoutQuery = (url: string, instead = hidden): string => url.replace(withQuery, (_whole, before) => `${before}?${instead}`)

/** The words of a command line; a header keeps its name. */
export const hideWords = (words: readonly string[]): string[] =>
  words.map((word, at) => {
    const [, name, inline] = secretFlag.exec(word) ?? []
    if (name && inline === '=') return `--${name}=${hideValue(name, word.slice(`--${name}=`.length))}`
    const [, before] = at > 0 ? (/^--(header|body|call-body)$/.exec(words[at - 1]!) ?? []) : []
    if (before) return hideValue(before, word)
    const [, option, url] = /^(--(?:call|token)-url=)(.*)$/s.exec(word) ?? []
    return option && url ? `${option}${withoutQuery(url)}` : withoutQuery(word)
  })

const hideValue = (flag: string, text: string): string =>
  flag === 'header' && text.includes(':') ? `${text.slice(0, text.indexOf(':'))}: ${hidden}` : hidden

/** The options of all kinds, as they may be shown. */
export const hideOptions = (options: Options): object => {
  const { federation, http, tls } = options
  const pems = (one: { ca?: string; cert?: string; key?: string }) =>
    Object.fromEntries((['ca', 'cert', 'key'] as const).flatMap(name => (one[name] === undefined ? [] : [[name, hidden]])))
  return {
    ...options,
    tls: { ...tls, ...pems(tls) },
    federation: {
      ...federation,
      ...(federation.callBody !== undefined && { callBody: hidden }),
      ...(federation.callUrl !== undefined && { callUrl: withoutQuery(federation.callUrl) }),
      ...(federation.tokenUrl !== undefined && { tokenUrl: withoutQuery(federation.tokenUrl) }),
    },
    http: {
      ...http,
      ...pems(http),
      path: http.path.replace(/\?.*$/s, `?${hidden}`),
      headers: Object.fromEntries(Object.keys(http.headers).map(name => [name, hidden])),
      ...(http.body !== undefined && { body: hidden }),
      ...(http.tokenUrl !== undefined && { tokenUrl: withoutQuery(http.tokenUrl) }),
    },
  }
}
