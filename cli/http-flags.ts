/** The options about HTTP: what is sent and what is expected. */
import { headerProblems, parseStatusRange } from '../judge/http.ts'
import type { Options } from '../wire/options.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import type { Given } from './run-words.ts'

const methods = ['GET', 'HEAD', 'POST'] as const

/** A header's value is never repeated in a message. */
export const readHttpFlags = (given: Given): Parsed<Partial<Options['http']>> => {
  const problems: string[] = []
  const headers: Record<string, string> = {}
  for (const text of given.header ?? []) {
    const [, name, value] = /^([^:]+):\s*(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) problems.push(`--header: want "name: value"`)
    else if (Object.hasOwn(headers, name.toLowerCase())) problems.push(`--header: ${quote(name)} is given twice`)
    else headers[name.toLowerCase()] = value.trimEnd()
  }
  problems.push(...headerProblems(headers).map(problem => `--header: ${problem}`))
  const method = given.method?.[0]?.toUpperCase()
  const known = methods.find(one => one === method)
  if (method !== undefined && !known) problems.push(`--method: got ${quote(given.method![0]!)}, want ${methods.join(', ')}`)
  const body = given.body?.[0]
  if (body !== undefined && known !== 'POST') problems.push('--body: goes with --method POST')
  const expectStatus = given['expect-status']?.flatMap(text => text.split(','))
  for (const text of expectStatus ?? []) {
    const range = parseStatusRange(text)
    if (!range.ok) problems.push(...range.problems.map(problem => `--expect-status: ${problem}`))
  }
  const expectPattern = given['expect-pattern']?.[0]
  if (expectPattern !== undefined && !isPattern(expectPattern))
    problems.push(`--expect-pattern: ${quote(expectPattern)} is not a regular expression`)
  if (problems.length) return bad(...problems)
  return good({
    ...(known && { method: known }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(expectStatus && { expectStatus }),
    body,
    expectBody: given['expect-body']?.[0],
    expectPattern,
    grpcService: given['grpc-health'] && '',
    ...(given['grpc-service'] && { grpcService: given['grpc-service'][0] }),
  })
}

const isPattern = (text: string): boolean => {
  try {
    return Boolean(new RegExp(text, 's'))
  } catch {
    return false
  }
}
