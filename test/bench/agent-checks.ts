/** What agents of benchmarks measure: targets on loopback, each with an address of its own. */

const addressOf = (i: number): string => `127.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`

/** The addresses of so many targets: every one of 127.0.0.0/8 answers. */
export const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => addressOf(i))

type Asked = { icmp: readonly string[]; tcp: readonly string[]; port?: number }

/** Targets and checks, each once per second: one echo to some addresses, one connect to a port of others. */
export const checksOf = ({ icmp, tcp, port }: Asked) => {
  const echoes = icmp.map(address => ({ name: `icmp-${address}`, address }))
  const connects = tcp.map(address => ({ name: `tcp-${address}`, address: `${address}:${port}` }))
  const check = (name: string, kind: string, targets: readonly { name: string }[], options: object) =>
    targets.length === 0 ? [] : [{ name, kind, every: '1s', targets: targets.map(target => target.name), options }]
  return {
    targets: [...echoes, ...connects],
    checks: [...check('ping', 'icmp', echoes, { count: 1 }), ...check('connect', 'tcp', connects, {})],
  }
}
