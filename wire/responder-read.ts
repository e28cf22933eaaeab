/** Frames that the other side sent, as the shapes of `responder.ts`: field by field, since it may be anyone. */
import type { Hello, Report, ResponderTcp, SvidVerdict, Welcome } from './responder.ts'

type Fields = Record<string, unknown>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const numberOf = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null)
const textOf = (value: unknown, most = 2048): string | null => (typeof value === 'string' && value.length <= most ? value : null)
const countOf = (value: unknown): number => Math.trunc(numberOf(value) ?? 0)

/** What a hello asks for. Undefined when it says no number of bytes. */
export const readHello = (body: Fields): Hello | undefined => {
  const payloadBytes = numberOf(body['payloadBytes'])
  if (payloadBytes === null || !Number.isSafeInteger(payloadBytes)) return undefined
  const wantBytes = numberOf(body['wantBytes'])
  return { payloadBytes, ...(wantBytes !== null && Number.isSafeInteger(wantBytes) ? { wantBytes } : {}) }
}

const readTcp = (value: unknown): ResponderTcp | null =>
  isFields(value)
    ? {
        retransmits: countOf(value['retransmits']),
        segmentsOut: countOf(value['segmentsOut']),
        segmentsIn: countOf(value['segmentsIn']),
        rttMs: numberOf(value['rttMs']) ?? 0,
        sndMss: countOf(value['sndMss']),
        rcvMss: countOf(value['rcvMss']),
        outOfOrder: numberOf(value['outOfOrder']),
        deliveryRateBytesPerSecond: numberOf(value['deliveryRateBytesPerSecond']),
      }
    : null

const readVerdict = (value: unknown): SvidVerdict | null => {
  if (!isFields(value)) return null
  const list = Array.isArray(value['violations']) ? value['violations'].filter(isFields).slice(0, 32) : []
  const violations = list.map(one => ({ code: textOf(one['code'], 64) ?? '', detail: textOf(one['detail']) ?? '' }))
  return { id: textOf(value['id']), verified: value['verified'] === true, violations }
}

/** What a welcome says; undefined when it lacks what makes it one. */
export const readWelcome = (body: Fields): Welcome | undefined => {
  const source = body['source']
  if (!isFields(source)) return undefined
  const address = textOf(source['address'], 64)
  if (address === null) return undefined
  return {
    agentId: textOf(body['agentId'], 128),
    source: { address, port: countOf(source['port']) },
    ttl: numberOf(body['ttl']),
    mss: numberOf(body['mss']),
    tcp: readTcp(body['tcp']),
    svid: readVerdict(body['svid']),
    receivedAt: textOf(body['receivedAt'], 64) ?? '',
  }
}

export const readReport = (body: Fields): Report => ({
  receivedBytes: countOf(body['receivedBytes']),
  sentBytes: countOf(body['sentBytes']),
  slowed: body['slowed'] === true,
  tcp: readTcp(body['tcp']),
  sentAt: textOf(body['sentAt'], 64) ?? '',
})
