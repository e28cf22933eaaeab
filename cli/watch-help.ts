/** What `probe watch --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 watch <target> [options]',
    '$0 watch --from <place> --to <place> [options]',
    '',
    'Probes one path without a pause, and says to the millisecond when it was down, which way, and what was',
    'different afterwards: round trip, TTL, MTU, route. For a failover drill, or to leave running overnight.',
    'A target is host (echoes), host:port (TCP connects), or icmp://host, tcp://host:port, udp://host[:port];',
    'udp asks the responder of an agent, which knows the direction. Ctrl-C ends it with the summary.',
    'With --from and --to an agent of the fleet watches, within what its own policy allows, for 5m or as',
    'long as --duration says, at most 1h; a place is cloud/region or the id of an agent, --to also a target.',
    'Exit codes: 0 ok, 1 an outage was longer than the objective, or the path is down at the end,',
    '2 bad usage, 3 not measured.',
  ],
  {
    interval: { value: 'duration', help: 'time between two probes, 1ms to 60s [10ms; tcp 50ms]' },
    rate: { value: 'n', help: 'or probes per second, up to 1000' },
    duration: { value: 'duration', help: 'how long; without it until Ctrl-C' },
    objective: { value: 'duration', help: 'the longest outage that is allowed: 30s' },
    timeout: { value: 'duration', help: 'when a probe without an answer is lost [1s]' },
    family: { value: '4|6', help: 'IP family; without it the first address that a name has' },
    source: { value: 'address', help: 'address of this machine to send from' },
    size: { value: 'bytes', help: 'data of an echo [56] or a datagram [100], without headers' },
    'no-look': { value: '', help: 'do not measure the MTU and the route, at the start and after each change' },
    from: { value: 'place', help: 'which agent watches, and not this machine: aws/us-east-1' },
    to: { value: 'place', help: 'what it watches: azure/eastus, or the name of a target' },
    kind: { value: 'kind', help: 'by what an agent watches: icmp, udp, tcp [icmp]; every 50ms unless told otherwise' },
    output: { value: 'format', help: 'human, ndjson (events as they come), json (the summary) [human]' },
    ...controllerFlags,
  },
)
