import { type ByteReader, type ByteWriter, Malformed } from '../wire/bytes.ts'
import type { Labels } from './metrics.ts'
import type { Place } from './path.ts'

export const writePlace = (out: ByteWriter, place: Place | undefined): void => {
  out.text(place?.cloud)
  if (!place) return
  out.text(place.region)
  out.text(place.zone)
}

export const readPlace = (bytes: ByteReader): Place | undefined => {
  const cloud = bytes.text()
  if (cloud === undefined) return undefined
  const place: Place = { cloud, region: bytes.needText() }
  const zone = bytes.text()
  return zone === undefined ? place : { ...place, zone }
}

export const writeLabels = (out: ByteWriter, labels: Labels): void => {
  out.text(labels.check)
  out.text(labels.kind)
  out.text(labels.target)
  out.text(labels.host)
  out.uint(labels.port ?? 0)
  out.byte(labels.family ?? 0)
  writePlace(out, labels.destination)
}

export const readLabels = (bytes: ByteReader): Labels => {
  const names = { check: bytes.needText(), kind: bytes.needText(), target: bytes.needText(), host: bytes.needText() }
  const port = bytes.uint()
  const family = bytes.byte()
  if (family !== 0 && family !== 4 && family !== 6) throw new Malformed(`there is no address family ${family}`)
  const destination = readPlace(bytes)
  return { ...names, ...(port !== 0 && { port }), ...(family !== 0 && { family }), ...(destination && { destination }) }
}
