import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { field, readEntry, readFields } from './workload-api-messages.ts'

/** The messages of the JWT profile, by workload-api.proto. */
export type JwtSvidMessage = { spiffeId: string; svid: string; hint: string }

/** Both requests have strings only, at 1 and 2. */
const writeStrings = (first: readonly string[], second: string): Uint8Array => {
  const writer = new BinaryWriter()
  for (const one of first) writer.uint32(field(1)).string(one)
  if (second !== '') writer.uint32(field(2)).string(second)
  return writer.finish()
}

export const writeJwtSvidRequest = (audiences: readonly string[], spiffeId = ''): Uint8Array => writeStrings(audiences, spiffeId)
export const writeValidateRequest = (audience: string, svid: string): Uint8Array => writeStrings([audience], svid)

const readJwtSvid = (bytes: Uint8Array): JwtSvidMessage => {
  const message: JwtSvidMessage = { spiffeId: '', svid: '', hint: '' }
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) message.spiffeId = reader.string(true)
    else if (tag === field(2)) message.svid = reader.string(true)
    else if (tag === field(3)) message.hint = reader.string(true)
    else return false
    return true
  })
  return message
}

/** Throws on what is no protobuf. */
export const parseJwtSvidResponse = (bytes: Uint8Array): JwtSvidMessage[] => {
  const svids: JwtSvidMessage[] = []
  readFields(bytes, (tag, reader) => {
    if (tag !== field(1)) return false
    svids.push(readJwtSvid(reader.bytes()))
    return true
  })
  return svids
}

/** By SPIFFE ID of the trust domain: JWK sets as they came. Throws on what is no protobuf. */
export const parseJwtBundlesResponse = (bytes: Uint8Array): Map<string, Uint8Array> => {
  const bundles = new Map<string, Uint8Array>()
  readFields(bytes, (tag, reader) => tag === field(1) && readEntry(reader.bytes(), bundles))
  return bundles
}

/** `claims` is a google.protobuf.Struct, still encoded. Throws on what is no protobuf. */
export const parseValidateResponse = (bytes: Uint8Array): { spiffeId: string; claims: Uint8Array } => {
  const message: { spiffeId: string; claims: Uint8Array } = { spiffeId: '', claims: new Uint8Array(0) }
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) message.spiffeId = reader.string(true)
    else if (tag === field(2)) message.claims = reader.bytes()
    else return false
    return true
  })
  return message
}
