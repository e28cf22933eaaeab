/** What a packet meets on its way, one direction of it, and what can be wrong with it. Knows packets, nothing of places. */
export type Packet = { sizeBytes: number; isSyn: boolean; family: 4 | 6 /** Which of equal lanes a flow takes. */; flow: number }

export type Trouble = {
  /** The share of packets that vanish. */
  loss?: number
  /** Larger packets vanish without a word. */
  mtu?: number
  /** A stateful filter: connections may not begin here, and answers may pass. */
  refusesSyn?: true
  family?: 4 | 6
  /** Only one of so many lanes has the trouble. */
  lanes?: number
}
/** `troubles` is empty for nearly all: those cost nothing. */
export type Element = { readonly name: string; troubles: Trouble[] }

const stops = (trouble: Trouble, packet: Packet, random: () => number): boolean => {
  if (trouble.family !== undefined && trouble.family !== packet.family) return false
  if (trouble.lanes !== undefined && packet.flow % trouble.lanes !== 0) return false
  if (trouble.mtu !== undefined && packet.sizeBytes > trouble.mtu) return true
  if (trouble.refusesSyn && packet.isSyn) return true
  return trouble.loss !== undefined && random() < trouble.loss
}

/** Whether the packet comes out at the end of the route. */
export const carries = (route: readonly Element[], packet: Packet, random: () => number): boolean =>
  route.every(({ troubles }) => troubles.every(trouble => !stops(trouble, packet, random)))

export const isClean = (route: readonly Element[]): boolean => route.every(({ troubles }) => troubles.length === 0)
