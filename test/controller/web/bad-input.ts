/** Requests that no route should take, made of the route's own schemas. */
import type { RouteOptions } from 'fastify'
import { Check } from 'typebox/schema'
import type { Schema } from '../../../wire/read.ts'
import type { Raw } from './raw-request.ts'

/** What must come of it; without a status it only must not be a fault of the server. */
export type Case = { name: string; raw: Raw; status?: readonly number[]; says?: RegExp }
export type Route = { method: string; url: string; access: string; body?: Schema; query: Schema }

export const routeOf = ({ method, url, config, schema }: RouteOptions): Route => ({
  method: String(method),
  url,
  access: config?.access ?? '',
  ...(schema?.body !== undefined && { body: schema.body as Schema }),
  query: (schema?.querystring ?? {}) as Schema,
})

const json = { 'content-type': 'application/json' }
const deep = (opening: string, closing: string): string => opening.repeat(10_000) + closing.repeat(10_000)
const isOfPeople = ({ access }: Route): boolean => access !== 'agent' && access !== 'open'

/** Bodies that are bad whatever is wanted. */
const brokenBodies: readonly [string, string][] = [
  ['nothing', ''],
  ['half', '{"a":'],
  ['no JSON', '{a: 1}'],
  ['a text', '"text"'],
  ['a number', '1'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a byte order mark in the middle', '{"a"\ufeff:1}'],
  ['lists 10,000 deep', deep('[', ']')],
  ['objects 10,000 deep', `${deep('{"a":', '')}1${'}'.repeat(10_000)}`],
  ['__proto__', '{"__proto__":{"isAdmin":true}}'],
  ['constructor', '{"constructor":{"prototype":{"isAdmin":true}}}'],
]

/** Those that do not fit are tried for every property. */
const values: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e300,
  2 ** 53,
  '',
  'x',
  'a\0b',
  '\u001b[31m',
  '\ud800',
  'x'.repeat(100_000),
  [],
  {},
  [null],
  [[[]]],
  { a: 1 },
  Array(20_000).fill(0),
]
const hasNul = (value: unknown): boolean => JSON.stringify(value).includes('\\u0000')

const bodyCases = (route: Route, sample: object): Case[] => {
  const { method, url: path, body } = route
  if (!body) return []
  const post = (name: string, text: string, more: Partial<Case> = {}): Case => ({
    name,
    raw: { method, path, headers: json, body: text },
    status: [400],
    ...more,
  })
  const properties = Object.keys(body.properties ?? {})
  const wrong = properties.flatMap(property =>
    values
      .map(value => ({ ...sample, [property]: value }))
      .filter(whole => hasNul(whole) || !Check(body, whole))
      .map(whole => post(`${property} is ${JSON.stringify(whole[property]).slice(0, 40)}`, JSON.stringify(whole))),
  )
  const tooDeep = properties.map(property => post(`${property} is deep`, `{"${property}":${deep('[', ']')}}`))
  return [
    ...brokenBodies.map(([name, text]) => post(`the body is ${name}`, text)),
    ...wrong,
    ...tooDeep,
    ...(isOfPeople(route)
      ? [post('an unknown field', JSON.stringify({ ...sample, bogus: 1 }), { says: /bogus/ })]
      : [post('an unknown field', JSON.stringify({ ...sample, bogus: 1 }), { status: [200, 204, 401, 404] })]),
  ]
}

const carriedCases = ({ method, url: path, body }: Route): Case[] => {
  const all = (headers: Record<string, string>): Raw => ({ method, path, headers, body: '{}' })
  return [
    { name: 'a body of another type', raw: all({ 'content-type': 'text/plain' }), ...(body && { status: [415] }) },
    { name: 'a type that is none', raw: all({ 'content-type': 'a, b; ;;' }), ...(body && { status: [415] }) },
    { name: 'compressed', raw: all({ ...json, 'content-encoding': 'br' }), ...(body && { status: [415] }) },
    { name: 'too large', raw: { method, path, headers: { ...json, 'content-length': '5000000' } }, ...(body && { status: [413] }) },
  ]
}

const queryValues = ['', '-1', '1.5', '1e300', '9007199254740993', 'NaN', 'Infinity', '%00', '%ff', '%', 'x'.repeat(5000), '[]', '%7B%7D']

const queryCases = (route: Route, sample: object): Case[] => {
  const { method, url, query } = route
  const names = Object.keys(query.properties ?? {})
  const ask = (text: string, more: Partial<Case> = {}): Case => ({
    name: `?${text.slice(0, 60)}`,
    raw: { method, path: `${url}?${text}`, ...(route.body && { headers: json, body: JSON.stringify(sample) }) },
    ...more,
  })
  return [
    ...names.flatMap(name => [...queryValues.map(value => ask(`${name}=${value}`)), ask(`${name}=1&${name}=2&${name}=3`)]),
    ...names
      .filter(name => query.properties![name]!.type === 'integer')
      .flatMap(name =>
        ['-1', '1.5', '1e300', 'NaN', '%00'].map(value => ask(`${name}=${value}`, { status: [400], says: new RegExp(name) })),
      ),
    ask('__proto__=1'),
    ask('constructor[prototype]=1'),
    ask('&&==&%3d&'),
    ask(Array.from({ length: 500 }, (_, k) => `a${k}=1`).join('&')),
    ...(isOfPeople(route) ? [ask('bogus=1', { status: [400], says: /bogus/ })] : []),
    ...(isOfPeople(route) && names.includes('limit') ? [ask('limti=1', { status: [400], says: /did you mean limit\?/ })] : []),
  ]
}

const ids = [
  'a%2Fb',
  '..%2F..%2Fetc%2Fpasswd',
  '%2e%2e',
  '..',
  '.',
  '%00',
  'a%00b',
  '%ff',
  '%',
  '%zz',
  '%0d%0a',
  'x'.repeat(600),
  'a/b',
  '%F0%9F%92%A9',
  '__proto__',
]

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

/** Every one, for a route whose ids are filled in with one that there is not. `of`: what of this path there is. */
export const casesOf = (route: Route, { sample, of }: { sample: object; of: readonly string[] }): Case[] => {
  const known = { ...route, url: route.url.replace(':id', 'nobody') }
  return [
    ...(route.url.includes(':id')
      ? ids.map(id => ({ name: `id ${id.slice(0, 40)}`, raw: { method: route.method, path: route.url.replace(':id', id) } }))
      : []),
    ...bodyCases(known, sample),
    ...(route.method === 'GET' || route.method === 'DELETE' ? [] : carriedCases(known)),
    ...queryCases(known, sample),
    ...methods
      .filter(method => !of.includes(method))
      .map((method): Case => ({ name: `by ${method}`, raw: { method, path: known.url }, status: [404, 405] })),
  ]
}
