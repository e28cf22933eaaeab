import { BinaryReader } from '@bufbuild/protobuf/wire'

/** The messages of workload-api.proto as they come. Bytes are DER; maps are keyed by SPIFFE ID of the trust domain. */
export type X509SvidMessage = { spiffeId: string; chain: Uint8Array; key: Uint8Array; bundle: Uint8Array; hint: string }
export type X509SvidResponse = { svids: X509SvidMessage[]; crls: Uint8Array[]; federatedBundles: Map<string, Uint8Array> }
export type X509BundlesResponse = { crls: Uint8Array[]; bundles: Map<string, Uint8Array> }

/** Tags: field number and wire type 2, length-delimited, which is all that these messages use. */
export const field = (number: number): number => (number << 3) | 2
const empty = new Uint8Array(0)

/** Calls `take` for every field that it knows, by tag; others are skipped, as proto3 wants it. Throws on what is no protobuf. */
export const readFields = (bytes: Uint8Array, take: (tag: number, reader: BinaryReader) => boolean): void => {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    if (!take((number << 3) | wireType, reader)) reader.skip(wireType, number)
  }
}

export const readEntry = (bytes: Uint8Array, into: Map<string, Uint8Array>): true => {
  let key = ''
  let value: Uint8Array = empty
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) key = reader.string(true)
    else if (tag === field(2)) value = reader.bytes()
    else return false
    return true
  })
  into.set(key, value)
  return true
}

const readSvid = (bytes: Uint8Array): X509SvidMessage => {
  const svid: X509SvidMessage = { spiffeId: '', chain: empty, key: empty, bundle: empty, hint: '' }
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) svid.spiffeId = reader.string(true)
    else if (tag === field(2)) svid.chain = reader.bytes()
    else if (tag === field(3)) svid.key = reader.bytes()
    else if (tag === field(4)) svid.bundle = reader.bytes()
    else if (tag === field(5)) svid.hint = reader.string(true)
    else return false
    return true
  })
  return svid
}

/** Throws on what is no protobuf. */
export const parseX509SvidResponse = (bytes: Uint8Array): X509SvidResponse => {
  const response: X509SvidResponse = { svids: [], crls: [], federatedBundles: new Map() }
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) response.svids.push(readSvid(reader.bytes()))
    else if (tag === field(2)) response.crls.push(reader.bytes())
    else if (tag === field(3)) return readEntry(reader.bytes(), response.federatedBundles)
    else return false
    return true
  })
  return response
}

/** Throws on what is no protobuf. */
export const parseX509BundlesResponse = (bytes: Uint8Array): X509BundlesResponse => {
  const response: X509BundlesResponse = { crls: [], bundles: new Map() }
  readFields(bytes, (tag, reader) => {
    if (tag === field(1)) response.crls.push(reader.bytes())
    else if (tag === field(2)) return readEntry(reader.bytes(), response.bundles)
    else return false
    return true
  })
  return response
}
