import { dirname, resolve } from 'node:path'
import type { ConfigFile, ControllerFile } from './schema.ts'

/** A configuration whose paths are as seen from the file that names them, as people mean them, made absolute. */
export const resolvePaths = (config: ConfigFile, file: string): ConfigFile => {
  const at = (path: string): string => resolve(dirname(file), path)
  const named = <T extends object>(section: T, names: readonly (keyof T)[]): T => {
    const changed = names.flatMap(name => (typeof section[name] === 'string' ? [[name, at(section[name])]] : []))
    return { ...section, ...Object.fromEntries(changed) }
  }
  const { identity, controller, export: endpoints } = config
  const bundles = identity?.bundles && Object.fromEntries(Object.entries(identity.bundles).map(([domain, path]) => [domain, at(path)]))
  return {
    ...named(config, ['data', 'policy']),
    ...(identity && { identity: { ...named(identity, ['cert', 'key', 'ca']), ...(bundles && { bundles }) } }),
    ...(controller && { controller: { ...named(controller, ['ca', 'token']), ...joinTokenOf(controller, at) } }),
    ...(endpoints && { export: endpoints.map(one => ({ ...named(one, ['ca', 'cert', 'key']), ...headersOf(one, at) })) }),
  }
}

const isFile = (value: unknown): value is { file: string } => typeof value === 'object' && value !== null && 'file' in value

const joinTokenOf = ({ joinToken }: ControllerFile, at: (path: string) => string): Pick<ControllerFile, 'joinToken'> | undefined =>
  isFile(joinToken) ? { joinToken: { file: at(joinToken.file) } } : undefined

type Endpoint = NonNullable<ConfigFile['export']>[number]

const headersOf = ({ headers }: Endpoint, at: (path: string) => string): Pick<Endpoint, 'headers'> | undefined => {
  if (!headers) return undefined
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isFile(value) ? { file: at(value.file) } : value])),
  }
}
