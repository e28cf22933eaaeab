/** `probe login`: tries a token and keeps it. */
import { Secret } from '../wire/secret.ts'
import { ask, readPiped } from './ask.ts'
import { flagProblems, isSet, strayProblems, type Words } from './command-words.ts'
import { openClient, readAccess } from './controller-client.ts'
import type { Io } from './io.ts'
import { dropLogin, writeLogin } from './login-file.ts'
import { flags } from './login-help.ts'
import { sayProblems, sayTrouble } from './with-client.ts'

const maxTokenBytes = 65_536

export const loginCommand = async (words: Words, io: Io): Promise<number> => {
  const problems = [...flagProblems('login', words, flags), ...strayProblems('login', words, 'a token is asked for, or piped in')]
  if (problems.length > 0) return sayProblems('login', problems, io)
  if (isSet(words, 'forget')) {
    io.stderr.write(dropLogin(io.env) ? 'forgotten\n' : 'nothing was kept\n')
    return 0
  }
  const access = readAccess(words, io.env)
  if (!access.ok) return sayProblems('login', access.problems, io)
  const { controller, ca } = access.value
  const text = (await readPiped(io.stdin, maxTokenBytes)) ?? (await ask(io, `token for ${controller}: `, { hidden: true }))
  const token = new Secret((text ?? '').trim())
  if (!/^[\w.~+/=-]+$/.test(token.reveal())) return sayProblems('login', ['no token, or more than one word: nothing was kept'], io)
  const client = openClient({ controller, token, ...(ca !== undefined && { ca }) })
  try {
    // The least that every role may see.
    const answer = await client.ask('/v1/agents', { query: { limit: 1 } })
    if (!answer.ok) return sayTrouble('login', answer, io)
  } finally {
    await client.close()
  }
  const path = writeLogin(io.env, { controller, token, ...(ca !== undefined && { ca }) })
  io.stderr.write(`kept in ${path}\n`)
  return 0
}
