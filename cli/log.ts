import type { Log } from '../agent/log.ts'

/** JSON lines on stderr, by pino. Written at once: what a process says last is what is asked for first. */
export const openLog = async (): Promise<Log> => {
  const { pino } = await import('pino')
  const log = pino(
    { base: null, formatters: { level: label => ({ level: label }) }, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    pino.destination({ fd: 2, sync: true }),
  )
  return { info: log.info.bind(log), warn: log.warn.bind(log), error: log.error.bind(log) }
}
