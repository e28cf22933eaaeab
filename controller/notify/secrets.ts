/** Secrets of receivers: read when they are used, so that one that was renewed is in use with the next message, and never kept. */
import { Secret } from '../../wire/secret.ts'
import type { Means } from './message.ts'

export type SecretPlace = { env: string } | { file: string }
type Sources = Pick<Means, 'environment' | 'readFile'>

/** Why a receiver can't be told anything: its configuration, or what it points at. `message` has no secret in it. */
export class ReceiverUnusable extends Error {
  override name = 'ReceiverUnusable'
}

/** Without the line break that editors put at the end. Throws `ReceiverUnusable` when there is none. */
export const readSecret = async (place: SecretPlace, what: string, { environment, readFile }: Sources): Promise<Secret> => {
  if ('env' in place) {
    const value = environment[place.env]?.trim()
    if (!value) throw new ReceiverUnusable(`${what}: the controller has no environment variable ${place.env}`)
    return new Secret(value)
  }
  const text = await readFile(place.file).catch((error: NodeJS.ErrnoException) => {
    throw new ReceiverUnusable(`${what}: ${place.file} can't be read (${error.code ?? 'error'})`)
  })
  if (!text.trim()) throw new ReceiverUnusable(`${what}: ${place.file} is empty`)
  return new Secret(text.trim())
}

/** Text of others, in one line, with what is secret taken out: a receiver may repeat what it was sent. */
export const withoutSecrets = (text: string, secrets: readonly Secret[]): string =>
  secrets
    .map(secret => secret.reveal())
    .filter(value => value.length > 3)
    .reduce((shown, value) => shown.replaceAll(value, '***'), text)
