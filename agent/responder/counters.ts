/** What a responder has seen since it was started. The agent's metrics are made of it. */
export const newCounters = () => ({
  connections: 0,
  /** Reset at once: too many at a time, or too many a second. */
  connectionsRefused: 0,
  /** Ended by a timeout: half-open handshakes, silent callers, transfers that took too long. */
  connectionsTimedOut: 0,
  /** Connections whose caller said hello, and those that were echoed as they are. */
  transfers: 0,
  echoes: 0,
  handshakesFailed: 0,
  /** Connections to the TLS ports while there is no SVID to show. */
  noIdentity: 0,
  clientsAccepted: 0,
  clientsRefused: 0,
  bytesReceived: 0,
  bytesSent: 0,
  datagrams: 0,
  /** Not of this protocol, or of a wrong size, or with a token that is not theirs. */
  datagramsIgnored: 0,
  datagramsOversize: 0,
  /** Not answered: over a rate cap, or no room for another session. */
  datagramsSuppressed: 0,
  /** Lost in this machine: the socket's buffer was full, or it could not send. */
  datagramsDropped: 0,
  replies: 0,
  sessions: 0,
})
export type ResponderCounters = ReturnType<typeof newCounters>

export type ResponderStats = ResponderCounters & { openConnections: number; openSessions: number }
