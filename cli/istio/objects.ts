/** Istio's objects that say where services of other meshes are (networking.istio.io v1, v1beta1 and v1alpha3), as kubectl prints them. Pure. */
import type { XStatic } from 'typebox/schema'
import type { Problem } from '../../wire/problem.ts'
import { printSteps } from '../../wire/problem.ts'
import { isObject, readBySchema } from '../../wire/read.ts'
import { readYaml } from '../../wire/yaml.ts'

const text = { type: 'string', minLength: 1, maxLength: 2048 } as const
const texts = { type: 'array', items: text, default: [] } as const
const number = { type: 'integer', minimum: 1, maximum: 65_535 } as const
const metadata = {
  type: 'object',
  required: ['name', 'namespace'],
  default: {},
  properties: { name: { ...text, default: 'unnamed' }, namespace: { ...text, default: 'default' } },
} as const
/** What these objects have beyond it is theirs. */
const objectOf = <S extends object>(spec: S) =>
  ({ type: 'object', required: ['metadata', 'spec'], properties: { metadata, spec } }) as const

const port = {
  type: 'object',
  required: ['number'],
  properties: { number, name: text, protocol: text, targetPort: number },
} as const

const clientTls = {
  type: 'object',
  required: ['subjectAltNames'],
  properties: { mode: text, sni: text, subjectAltNames: texts },
} as const
const portLevel = { type: 'object', required: ['port'], properties: { port, tls: clientTls } } as const
const trafficPolicy = {
  type: 'object',
  required: ['portLevelSettings'],
  properties: { tls: clientTls, portLevelSettings: { type: 'array', items: portLevel, default: [] } },
} as const

const serviceEntry = objectOf({
  type: 'object',
  required: ['hosts', 'ports', 'endpoints', 'subjectAltNames'],
  properties: {
    hosts: { ...texts, minItems: 1 },
    ports: { type: 'array', items: port, default: [] },
    endpoints: {
      type: 'array',
      default: [],
      items: {
        type: 'object',
        required: ['address', 'ports'],
        properties: { address: text, ports: { type: 'object', additionalProperties: number, default: {} } },
      },
    },
    subjectAltNames: texts,
  },
} as const)

const destinationRule = objectOf({
  type: 'object',
  required: ['host', 'subsets'],
  properties: {
    host: text,
    trafficPolicy,
    subsets: { type: 'array', default: [], items: { type: 'object', required: ['name'], properties: { name: text } } },
  },
} as const)

const gateway = objectOf({
  type: 'object',
  required: ['servers'],
  properties: {
    servers: {
      type: 'array',
      default: [],
      items: {
        type: 'object',
        required: ['port', 'hosts'],
        properties: { port, hosts: texts, tls: { type: 'object', properties: { mode: text } } },
      },
    },
  },
} as const)

const schemas = { ServiceEntry: serviceEntry, DestinationRule: destinationRule, Gateway: gateway } as const
export type ServiceEntry = XStatic<typeof serviceEntry>
export type DestinationRule = XStatic<typeof destinationRule>
export type Gateway = XStatic<typeof gateway>
export type ClientTls = XStatic<typeof clientTls>
export type IstioObjects = { entries: ServiceEntry[]; rules: DestinationRule[]; gateways: Gateway[] }

/** `others`: how many objects of other kinds there were, which are passed over. */
export type ReadObjects = { objects: IstioObjects; others: number; problems: Problem[] }

/** YAML or JSON, several documents, lists of objects; all problems, each with its line. */
export const readIstio = (source: string): ReadObjects => {
  const read: ReadObjects = { objects: { entries: [], rules: [], gateways: [] }, others: 0, problems: [] }
  for (const { text: one, line } of documentsOf(source)) {
    const yaml = readYaml(one)
    if (!yaml.ok) {
      read.problems.push(
        ...yaml.problems.map(problem => ({ ...problem, ...(problem.line !== undefined && { line: problem.line + line }) })),
      )
      continue
    }
    const list = isObject(yaml.value) && Array.isArray(yaml.value['items']) ? yaml.value['items'] : undefined
    for (const [index, value] of (list ?? [yaml.value]).entries())
      take(read, value, list ? ['items', index] : [], steps => (yaml.lineOf(steps) ?? 0) + line)
  }
  return read
}

const take = (read: ReadObjects, value: unknown, steps: (string | number)[], lineOf: (steps: (string | number)[]) => number): void => {
  if (value === null || value === undefined) return
  const isIstio = isObject(value) && /^networking\.istio\.io\//.test(String(value['apiVersion']))
  const kind = isObject(value) ? String(value['kind']) : ''
  if (!isIstio || !Object.hasOwn(schemas, kind)) {
    read.others++
    return
  }
  const found = readBySchema(schemas[kind as keyof typeof schemas], value)
  for (const problem of found.problems) {
    const at = [...steps, ...problem.steps]
    read.problems.push({ path: printSteps(at), line: lineOf(at), message: problem.message })
  }
  if (found.problems.length > 0) return
  if (kind === 'ServiceEntry') read.objects.entries.push(found.value as ServiceEntry)
  else if (kind === 'DestinationRule') read.objects.rules.push(found.value as DestinationRule)
  else read.objects.gateways.push(found.value as Gateway)
}

/** At lines of three dashes (YAML 1.2 §9.1.2); `line`: how many are before. */
const documentsOf = (source: string): { text: string; line: number }[] => {
  const documents = [{ lines: [] as string[], line: 0 }]
  for (const [index, line] of source.split('\n').entries())
    if (/^---(\s|$)/.test(line)) documents.push({ lines: [], line: index + 1 })
    else documents.at(-1)!.lines.push(line)
  return documents
    .filter(({ lines }) => lines.some(line => line.trim() !== '' && !line.trimStart().startsWith('#')))
    .map(({ lines, line }) => ({ text: lines.join('\n'), line }))
}
