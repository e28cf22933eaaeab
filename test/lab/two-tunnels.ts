const both = (name: string, change: object) => [
  { from: 'aws', to: 'azure', name, ...change },
  { from: 'azure', to: 'aws', name, ...change },
]

/** Two tunnels between the clouds: the second is longer, slower and carries less. */
export const twoTunnels = [
  ...both('tunnel-1', { delayMs: 4, hops: 3, mtu: 1420, signal: true }),
  ...both('tunnel-2', { delayMs: 30, hops: 5, mtu: 1380, signal: true }),
]
