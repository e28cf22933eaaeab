import type { Logger } from 'pino'
import type { Log } from '../agent/log.ts'

/** JSON lines on stderr. Written at once: what a process says last is what is asked for first. */
export const openPino = async (): Promise<Logger> => {
  const { pino } = await import('pino')
  return pino(
    { base: null, formatters: { level: label => ({ level: label }) }, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    pino.destination({ fd: 2, sync: true }),
  )
}

export const openLog = async (): Promise<Log> => {
  const log = await openPino()
  return { info: log.info.bind(log), warn: log.warn.bind(log), error: log.error.bind(log) }
}
