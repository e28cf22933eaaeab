/** The way out to receivers: names are resolved once, every address is judged before it is dialled, and the one that was judged is the one that is dialled. */
import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isLoopback, refuseReceiver } from '../../judge/special-addresses.ts'
import { Secret } from '../../wire/secret.ts'
import type { Means } from './message.ts'
import { ReceiverUnusable, readSecret, type SecretPlace } from './secrets.ts'

/** `lookup` for node:net, which leaves out what `refuseReceiver` refuses and fails when nothing is left. */
export const guardedLookup =
  (lookup: LookupFunction = systemLookup): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, '', 0)
      const all = Array.isArray(found) ? found : [{ address: found, family: family ?? isIP(found) }]
      const refusals = all.map(({ address }) => refuseReceiver(address))
      const good = all.filter((_, index) => refusals[index] === undefined)
      if (!good[0]) return callback(new ReceiverUnusable(`${hostname}: ${refusals[0] ?? 'has no address'}`), '', 0)
      return options.all ? callback(null, good) : callback(null, good[0].address, good[0].family)
    })
  }

/** Throws `ReceiverUnusable` for an address that nothing goes to. Names are judged when they are resolved. */
export const refuseHost = (host: string): void => {
  const bare = host.replace(/^\[|\]$/g, '')
  const refused = isIP(bare) === 0 ? undefined : refuseReceiver(bare)
  if (refused !== undefined) throw new ReceiverUnusable(refused)
}

/**
 * The URL of a receiver. Where it stands in the fleet file, whoever wrote `http://` there meant it; one that is a secret goes over TLS, or no further than this
 * machine. Throws `ReceiverUnusable`.
 */
export const readUrl = async (given: string | SecretPlace, means: Means): Promise<{ url: URL; secrets: Secret[] }> => {
  const text = typeof given === 'string' ? given : (await readSecret(given, 'url', means)).reveal()
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new ReceiverUnusable('url: not an http(s) URL')
  if (url.username || url.password) throw new ReceiverUnusable('url: has a user or password in it')
  if (typeof given !== 'string' && url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new ReceiverUnusable('url: want https://, what is secret in it would be read on the way')
  refuseHost(url.hostname)
  return { url, secrets: typeof given === 'string' ? [] : [new Secret(text), new Secret(`${url.pathname}${url.search}`)] }
}
