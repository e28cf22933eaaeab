/** Server-sent events as they come (HTML Living Standard, §9.2.6): the lines of a stream to events. */
export type ServerEvent = { id?: string; event?: string; data: string }

/** Feed it what arrives, in pieces of any size; it gives the events that are complete. Comments, which keep a connection alive, are none. */
export const readEventStream = (): ((text: string) => ServerEvent[]) => {
  let rest = ''
  let fields: Record<string, string> = {}
  return text => {
    const lines = `${rest}${text}`.split(/\r\n|\n|\r/)
    rest = lines.pop() ?? ''
    return lines.flatMap((line): ServerEvent[] => {
      if (line === '') {
        const { id, event, data } = fields
        fields = {}
        return data === undefined ? [] : [{ data, ...(id !== undefined && { id }), ...(event !== undefined && { event }) }]
      }
      const [, name, value = ''] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? []
      if (name !== undefined) fields[name] = name === 'data' && fields['data'] !== undefined ? `${fields['data']}\n${value}` : value
      return []
    })
  }
}
