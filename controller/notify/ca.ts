/** The authority of a receiver that has one of its own; read when it is used, as secrets are. */
import type { Means } from './message.ts'
import { ReceiverUnusable } from './secrets.ts'

export const readCa = async ({ ca }: { ca?: string }, { readFile }: Pick<Means, 'readFile'>): Promise<{ ca?: string }> => {
  if (ca === undefined) return {}
  const text = await readFile(ca).catch((error: NodeJS.ErrnoException) => {
    throw new ReceiverUnusable(`ca: ${ca} can't be read (${error.code ?? 'error'})`)
  })
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new ReceiverUnusable(`ca: ${ca} has no certificate in it`)
  return { ca: text }
}
