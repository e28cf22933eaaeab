import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import type { Advertised } from './config.ts'
import { scopes } from './schema.ts'

const services = ['echo', 'tls', 'mtls'] as const
const example = 'pod=10.0.0.5,node=203.0.113.7;echo=30460;mtls=30462'

/**
 * `scope=host` and, where they differ from the responder's own, its ports; several with commas: what one line of a pod's specification can say,
 * `pod=$(POD_IP)`. Gives every problem.
 */
export const parseAdvertise = (text: string): Parsed<readonly Advertised[]> => {
  const read = text
    .split(',')
    .filter(part => part.trim() !== '')
    .map(parseOne)
  const problems = read.flatMap(one => (one.ok ? [] : one.problems))
  return problems.length > 0 ? bad(...problems) : good(Object.freeze(read.flatMap(one => (one.ok ? [one.value] : []))))
}

const parseOne = (text: string): Parsed<Advertised> => {
  const [place = '', ...ports] = text.split(';').map(part => part.trim())
  const [, scope = '', host = ''] = /^(\w+)=\[?([^\s/\]]+)\]?$/.exec(place) ?? []
  const found = scopes.find(one => one === scope)
  // A variable that Kubernetes does not know stays as it was written.
  if (!found || host.includes('$(')) return bad(`${quote(text.trim())}, want one like ${example}`)
  const given = ports.map(part => /^(\w+)=(\d{1,5})$/.exec(part) ?? [])
  const wrong = given.findIndex(([, name, number]) => !services.some(one => one === name) || Number(number) > 65_535)
  if (wrong >= 0) return bad(`${quote(ports[wrong]!)}, want ${services.join(', ')} with a port, as in ${example}`)
  return good(
    Object.freeze({
      scope: found,
      host,
      ...(given.length > 0 && { ports: Object.fromEntries(given.map(([, name, number]) => [name, Number(number)])) }),
    }),
  )
}
