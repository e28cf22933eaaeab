import type { Diagnosis } from '../../wire/causes.ts'
import type { Target } from '../../wire/result.ts'
import { fixMember } from './explain-trace.ts'
import { buildDiagnosis, buildRun, hostOf, listFacts, sayList, sayMs } from './say.ts'
import { openReason, type Seen, sayDetail } from './seen.ts'

/** Flows that are never answered, beside flows that are. Ports are null where none is known. */
type Split = { dead: (number | null)[]; alive: (number | null)[]; facts: string[]; against: string[] }

/** A flow that loses less than so much is as good as any: its way is another one than that of a flow which loses all. */
const goodLoss = 0.1
/** More are not named. */
const mostPorts = 8

const sayPorts = (ports: readonly (number | null)[]): string => {
  const known = ports.filter(port => port !== null)
  const named = known.slice(0, mostPorts).map(String)
  const more = ports.length - named.length
  return named.length === 0
    ? `${more} more`
    : `${ports.length === 1 ? 'port' : 'ports'} ${sayList([...named, ...(more > 0 ? [`${more} more`] : [])])}`
}

const splitTcp = ({ tcp }: Seen): Split | undefined => {
  const flows = tcp?.measured.flows ?? []
  const dead = flows.filter(({ outcome }) => outcome === 'tcp_timeout')
  const alive = flows.filter(({ outcome }) => outcome === 'ok')
  if (dead.length === 0 || alive.length === 0 || dead.length + alive.length < flows.length) return undefined
  const rtts = alive.map(({ synRttMs }) => synRttMs ?? 0)
  const again = alive.filter(({ synRetransmits }) => (synRetransmits ?? 0) > 0).length
  return {
    ...{ dead: dead.map(({ sourcePort }) => sourcePort), alive: alive.map(({ sourcePort }) => sourcePort) },
    facts: listFacts(`round trips of those that connect: ${sayMs(Math.min(...rtts))} to ${sayMs(Math.max(...rtts))}`),
    against: listFacts(
      again > 0 && `${again} of those that connect sent their SYN again too: it may be loss on a way that all share`,
      'a target whose queue of connections is full drops some SYNs as well',
    ),
  }
}

const splitUdp = ({ udp }: Seen): Split | undefined => {
  const flows = udp?.measured.flows ?? []
  const dead = flows.filter(({ sent, received }) => sent > 0 && received === 0)
  const alive = flows.filter(one => !dead.includes(one))
  if (dead.length === 0 || alive.length === 0 || alive.some(({ sent, received }) => sent - received > goodLoss * sent)) return undefined
  const lost = alive.reduce((sum, { sent, received }) => sum + sent - received, 0)
  return {
    ...{ dead: dead.map(({ sourcePort }) => sourcePort), alive: alive.map(({ sourcePort }) => sourcePort) },
    facts: [`of those that are answered ${lost} of ${alive.reduce((sum, { sent }) => sum + sent, 0)} datagrams were lost`],
    against: [],
  }
}

const nextRun = (target: Target, kind: 'tcp' | 'udp', port: number | null | undefined): string =>
  typeof port === 'number' ? buildRun(target, kind, `--flows 1 --source-port ${port}`) : buildRun(target, 'trace', '--flows 32')

/** Some flows of a check are never answered and the others always: a flow takes one of several equal ways (RFC 2992), and one of those is broken. */
export const explainDeadMember = (seen: Seen): Diagnosis | undefined => {
  const kind = openReason(seen, 'tcp') === 'packet_loss' ? 'tcp' : openReason(seen, 'udp') === 'packet_loss' ? 'udp' : undefined
  const split = kind === 'tcp' ? splitTcp(seen) : kind === 'udp' ? splitUdp(seen) : undefined
  if (!kind || !split) return undefined
  const { dead, alive, facts, against } = split
  const { target } = seen[kind]!
  return buildDiagnosis('packet_loss', {
    confidence: against.length > 1 || dead.length + alive.length < 3 ? 'likely' : 'certain',
    summary: `${dead.length} of ${dead.length + alive.length} flows to ${hostOf(target)} are never answered and the others are: one of several parallel ways is broken, one member of an ECMP group. Whoever's connection falls on it fails, again and again, and everyone else sees nothing.`,
    evidence: listFacts(`never answered, source ${sayPorts(dead)}`, `answered, source ${sayPorts(alive)}`, ...facts, sayDetail(seen[kind])),
    against,
    fixes: fixMember(`the member that a flow from source ${sayPorts(dead.slice(0, 1))} falls on`),
    next: nextRun(target, kind, dead[0]),
  })
}
