/** What this agent can prove who it is with, at this moment. */
import { readTextFile } from '../../probes/identity/text-file.ts'
import { parseJoinToken } from '../../wire/join-token.ts'
import { Secret } from '../../wire/secret.ts'
import { bad, good, type Parsed } from '../../wire/values.ts'
import type { ControllerConfig } from '../config/config.ts'

export type Proof = { kind: 'kubernetes'; token: Secret } | { kind: 'join'; token: Secret; caPin?: string } | { kind: 'spiffe' }

/** The platform's proofs first: they are good again and again. Files are read anew each time, since the kubelet renews them. */
export const readProof = ({ tokenFile, spiffe, joinToken }: ControllerConfig): Parsed<Proof> => {
  const problems: string[] = []
  if (tokenFile !== undefined) {
    const file = readTextFile(tokenFile)
    if ('text' in file && file.text.trim() !== '') return good({ kind: 'kubernetes', token: new Secret(file.text.trim()) })
    problems.push(`${tokenFile}: ${'error' in file ? file.error : 'is empty'}`)
  }
  if (spiffe) return good({ kind: 'spiffe' })
  if (joinToken) {
    const join = readJoin(joinToken)
    if (join.ok) return join
    problems.push(...join.problems)
  }
  return bad(...problems)
}

const readJoin = (joinToken: NonNullable<ControllerConfig['joinToken']>): Parsed<Proof> => {
  const file = 'file' in joinToken ? readTextFile(joinToken.file) : { text: joinToken.text.reveal() }
  if ('error' in file) return bad(`${'file' in joinToken ? joinToken.file : ''}: ${file.error}`)
  const parsed = parseJoinToken(file.text)
  if (!parsed.ok) return bad(...parsed.problems.map(problem => `join token: ${problem}`))
  const { caPin } = parsed.value
  return good({ kind: 'join', token: new Secret(file.text.trim()), ...(caPin === undefined ? {} : { caPin }) })
}
