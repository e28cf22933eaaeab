/** What must be found nowhere but in the requests themselves. */
import type { World } from '../servers/cloud-world.ts'

/** What clouds were shown and gave, as far as it is secret: tokens in their parts, keys. */
export const secretsOf = (world: World): string[] => {
  const servers = [world.aws.server, world.entra.server, world.google.server]
  const shown = servers.flatMap(({ asked }) =>
    asked.flatMap(({ body, headers }) => [
      headers.authorization?.replace(/^Bearer /, ''),
      new URLSearchParams(body).get('WebIdentityToken'),
      new URLSearchParams(body).get('client_assertion'),
      body.startsWith('{') ? (JSON.parse(body) as { subjectToken?: string }).subjectToken : undefined,
    ]),
  )
  const parts = shown.filter(one => typeof one === 'string').flatMap(one => [one, ...one.split('.').slice(1)])
  return [...new Set(parts.filter(part => part.length >= 40))]
}

/** Those that a text has, as far as a log may show them. */
export const found = (text: string, secrets: readonly string[]): string[] =>
  secrets.filter(secret => text.includes(secret)).map(secret => `${secret.slice(0, 12)}…`)
