/** What the spool keeps: it never looks into the payload. Their places are what frames have: append only. */
export const recordKinds = ['windows', 'events', 'spans'] as const
export type RecordKind = (typeof recordKinds)[number]

export type NewRecord = {
  kind: RecordKind
  /** Start of the time it is about, Unix ms. */
  atMs: number
  /** How long that time is: 10,000, or 60,000 once merged. */
  spanMs: number
  /** Path-windows, events or spans in it, as they were produced: merging records adds them up. */
  items: number
  /** Which part of its time: 0 unless given, 65,535 at most. Only records of the same part are merged. */
  group?: number
  payload: Uint8Array
}

/** Agent, boot and sequence are the identity of a batch: a receiver that has it already counts it once. */
export type SpooledRecord = NewRecord & {
  /** Of the process that produced it: 16 hexadecimal digits, random at each start. Spans have another one than the rest, since not everyone takes them: a receiver sees no gaps. */
  boot: string
  /** From 1 in each boot, in the order of production. A merged record keeps that of its first. */
  sequence: number
}

/** Whether an endpoint is to get records of this kind. What it is not to get is never produced for it. */
export type Takes = (endpoint: string, kind: RecordKind) => boolean

/** `newest`: what is now comes before what was during an outage. */
export type Order = 'newest' | 'oldest'

/**
 * Why data did not reach an endpoint. `size`: the spool was full; `memory`: the disk could not be written and the memory that stands in for it
 * was full; `corrupt`: it can't be read any more; `rejected`: the endpoint refused it for good.
 */
export const dropReasons = ['size', 'memory', 'corrupt', 'rejected'] as const
export type DropReason = (typeof dropReasons)[number]
