/** Which controller this agent is under, and what it has to prove who it is. */
import { isLoopback } from '../../judge/special-addresses.ts'
import { parseJoinToken } from '../../wire/join-token.ts'
import { Secret } from '../../wire/secret.ts'
import { quote } from '../../wire/values.ts'
import type { Signal } from '../send/endpoint.ts'
import type { ControllerConfig } from './config.ts'
import { revealed } from './endpoints.ts'
import type { Environment } from './layers.ts'
import type { ConfigFile, SecretFile } from './schema.ts'

type Sources = { environment: Environment; readFile: (path: string) => string }
type Note = (path: readonly (string | number)[], message: string) => void

/** What the spool and the metrics call it. */
export const controllerEndpoint = 'controller'
/** What it takes: its history has no traces. */
export const controllerSignals = ['metrics', 'logs'] as const satisfies readonly Signal[]
/** Where the manifests mount the projected token. */
export const defaultTokenFile = '/var/run/secrets/causeway/token'

/** Undefined when there is no controller. A token that is in a file need not be there: an agent that has enrolled needs none. */
export const readController = ({ controller, identity = {} }: ConfigFile, sources: Sources, note: Note): ControllerConfig | undefined => {
  if (!controller) return undefined
  const { url = '', ca, joinToken, token, spiffe = false } = controller
  for (const problem of judgeUrl(url)) note(['controller', 'url'], problem)
  if (spiffe && Object.keys(identity).length === 0)
    note(['controller', 'spiffe'], 'needs an identity: identity.workloadApi, or identity.cert and identity.key')
  return Object.freeze({
    url: url.replace(/\/+$/, ''),
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(joinToken === undefined
      ? {}
      : { joinToken: readJoinToken(joinToken, sources, message => note(['controller', 'joinToken'], message)) }),
    ...tokenOf(token, sources),
    spiffe,
  })
}

const judgeUrl = (text: string): string[] => {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol))
    return [`${text === '' ? 'is missing' : `got ${quote(text)}`}, want one like https://causeway.example:7443`]
  return [
    ...(url.protocol === 'http:' && !isLoopback(url.hostname) ? ['is http, want https: a credential goes over it'] : []),
    ...(url.username || url.password ? ['has a user or password in it: agents prove who they are by a token or an SVID'] : []),
    ...(url.search || url.hash ? ['has a query: want the base, /v1/… is added'] : []),
  ]
}

const readJoinToken = (given: SecretFile, sources: Sources, complain: (message: string) => void): ControllerConfig['joinToken'] => {
  if (typeof given === 'object' && 'file' in given) {
    const text = revealed(given, sources, () => {})
    if (text !== undefined) judge(text, complain)
    return { file: given.file }
  }
  const text = revealed(given, sources, complain)
  if (text === undefined) return undefined
  judge(text, complain)
  return { text: new Secret(text) }
}

const judge = (text: string, complain: (message: string) => void): void => {
  const parsed = parseJoinToken(text)
  if (!parsed.ok) for (const problem of parsed.problems) complain(problem)
}

const tokenOf = (given: string | undefined, { readFile }: Sources): { tokenFile: string } | undefined => {
  if (given !== undefined) return { tokenFile: given }
  try {
    readFile(defaultTokenFile)
    return { tokenFile: defaultTokenFile }
  } catch {
    return undefined
  }
}
