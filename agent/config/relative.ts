import { dirname, resolve } from 'node:path'
import type { ConfigFile } from './schema.ts'

/** A configuration whose paths are as seen from the file that names them, as people mean them, made absolute. */
export const resolvePaths = (config: ConfigFile, file: string): ConfigFile => {
  const at = (path: string): string => resolve(dirname(file), path)
  const named = <T extends object>(section: T, names: readonly (keyof T)[]): T => {
    const changed = names.flatMap(name => (typeof section[name] === 'string' ? [[name, at(section[name])]] : []))
    return { ...section, ...Object.fromEntries(changed) }
  }
  const { identity, export: endpoints } = config
  const bundles = identity?.bundles && Object.fromEntries(Object.entries(identity.bundles).map(([domain, path]) => [domain, at(path)]))
  return {
    ...named(config, ['data', 'policy']),
    ...(identity && { identity: { ...named(identity, ['cert', 'key', 'ca']), ...(bundles && { bundles }) } }),
    ...(endpoints && { export: endpoints.map(one => ({ ...named(one, ['ca', 'cert', 'key']), ...headersOf(one, at) })) }),
  }
}

type Endpoint = NonNullable<ConfigFile['export']>[number]

const headersOf = ({ headers }: Endpoint, at: (path: string) => string): Pick<Endpoint, 'headers'> | undefined => {
  if (!headers) return undefined
  const isFile = (value: unknown): value is { file: string } => typeof value === 'object' && value !== null && 'file' in value
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isFile(value) ? { file: at(value.file) } : value])),
  }
}
