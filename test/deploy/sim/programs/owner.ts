/** Starts a network with processes in it, prints its network namespaces as JSON, and stays: whoever started this ends it. Argument: exit, to end by itself. */
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { startNetwork } from '../../../../deploy/sim/network.ts'

const network = await startNetwork({ sites: { aws: { pingGroupRange: 'closed' }, azure: { interfaceMtu: 9001 } } })
const busy = network.spawn('aws', ['sh', '-c', 'sleep 1000 & setsid sleep 1000 & echo ready; wait'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
await once(busy.stdout!, 'data')
const quiet = network.spawn('azure', ['sh', '-c', 'echo ready; exec sleep 1000'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  dropPrivileges: true,
})
await once(quiet.stdout!, 'data')
const namespaces = [network.sites.aws.pid, network.sites.azure.pid].map(pid => readlinkSync(`/proc/${pid}/ns/net`))
console.log(JSON.stringify({ namespaces, userNamespace: network.userNamespace }))
if (process.argv[2] === 'exit') process.exit(0)
