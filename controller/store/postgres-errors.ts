/** What a failed transaction on PostgreSQL means for trying it again. */

/**
 * SQLSTATE (PostgreSQL "Appendix A. Error Codes") and errno of a server that is gone, going, not there yet, or has no place left; the same a moment later
 * may do. 25P03 and 57014 are its own limits: idle in a transaction, too long a statement.
 */
const lostCodes = [
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '25P03',
  '57014',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'ENOTFOUND',
]
/** Rolled back because others were in the way: serialization, deadlock. */
const raceCodes = ['40001', '40P01']

/** pg says these without a code (client.js, pool). */
const lostMessages =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|Client was closed)/

type Coded = { code?: unknown; message?: unknown; constraint?: unknown }
const partsOf = (error: unknown): Coded => (error ?? {}) as Coded

/** The connection is no good any more. */
export const isLost = (error: unknown): boolean => {
  const { code, message } = partsOf(error)
  if (typeof code === 'string') return lostCodes.includes(code) || code.startsWith('08')
  return typeof message === 'string' && lostMessages.test(message)
}

/** Nothing of it happened, and it may succeed when it is done again. */
export const isRace = (error: unknown): boolean => {
  const { code, constraint } = partsOf(error)
  if (raceCodes.includes(String(code))) return true
  // Two replicas that create the same table at once, IF NOT EXISTS or not: the second finds it, or its row type, in the catalogue too late.
  return code === '42P07' || code === '42710' || (code === '23505' && String(constraint).startsWith('pg_'))
}
