/** What may stand in a flag or a variable as well as in the file; flags win over variables, variables over the file (design: the nearest to the person). */
import type { ConfigFile } from './schema.ts'

/** Setting → flag, variable, and where the file has it. */
export const settings = {
  id: {
    flag: 'id',
    variable: 'CAUSEWAY_AGENT_ID',
    in: 'agent',
    help: 'its name in the fleet; default: cluster and node, else the host name',
  },
  cloud: { flag: 'cloud', variable: 'CAUSEWAY_CLOUD', in: 'agent', help: 'where it stands: aws, azure, gcp, …' },
  region: { flag: 'region', variable: 'CAUSEWAY_REGION', in: 'agent', help: 'us-east-1, eastus, …' },
  zone: { flag: 'zone', variable: 'CAUSEWAY_ZONE', in: 'agent', help: 'availability zone' },
  cluster: { flag: 'cluster', variable: 'CAUSEWAY_CLUSTER', in: 'agent', help: 'Kubernetes cluster' },
  node: { flag: 'node', variable: 'CAUSEWAY_NODE', in: 'agent', help: 'Kubernetes node' },
  namespace: { flag: 'namespace', variable: 'CAUSEWAY_NAMESPACE', in: 'agent', help: 'Kubernetes namespace' },
  serviceAccount: {
    flag: 'service-account',
    variable: 'CAUSEWAY_SERVICE_ACCOUNT',
    in: 'agent',
    help: 'Kubernetes service account, for a runner',
  },
  advertise: {
    flag: 'advertise',
    variable: 'CAUSEWAY_ADVERTISE',
    in: 'agent',
    help: 'where other agents reach the responder: pod=10.0.0.5,node=203.0.113.7;echo=30460',
  },
  labels: {
    flag: 'labels',
    variable: 'CAUSEWAY_LABELS',
    in: 'agent',
    help: 'for choosing agents in the fleet file: team=payments,ring=canary',
  },
  workloadApi: { flag: 'workload-api', variable: 'SPIFFE_ENDPOINT_SOCKET', in: 'identity', help: 'SPIFFE Workload API, unix:///…' },
  url: { flag: 'controller', variable: 'CAUSEWAY_CONTROLLER', in: 'controller', help: 'controller to be under, https://…' },
  ca: { flag: 'controller-ca', variable: 'CAUSEWAY_CONTROLLER_CA', in: 'controller', help: "PEM file of the controller's authority" },
  joinToken: {
    flag: 'join-token-file',
    variable: 'CAUSEWAY_JOIN_TOKEN_FILE',
    in: 'controller',
    help: 'file with a join token; the token itself may be in CAUSEWAY_JOIN_TOKEN',
  },
  data: { flag: 'data', variable: 'CAUSEWAY_DATA', in: '', help: 'directory of the spool' },
  listen: { flag: 'listen', variable: 'CAUSEWAY_LISTEN', in: '', help: '/metrics and health, default 127.0.0.1:9464; off: none' },
  policy: { flag: 'policy', variable: 'CAUSEWAY_POLICY', in: '', help: 'file that says what may be probed' },
} as const satisfies Record<string, { flag: string; variable: string; in: '' | 'agent' | 'identity' | 'controller'; help: string }>
export type Setting = keyof typeof settings

export type Flags = Partial<Record<string, string>>
export type Environment = Record<string, string | undefined>

/** Not a setting, for it is a secret: words of a command line are for everyone to see. */
export const joinTokenVariable = 'CAUSEWAY_JOIN_TOKEN'

/** The file with flags and variables laid over it, these as the texts that they are. An empty variable is none. */
export const layOver = (file: ConfigFile, flags: Flags, environment: Environment): ConfigFile => {
  const merged: Record<string, unknown> = { ...file, agent: { ...file.agent }, identity: { ...file.identity } }
  const controller: Record<string, unknown> = { ...file.controller }
  if (environment[joinTokenVariable]) controller['joinToken'] = { env: joinTokenVariable }
  for (const [name, { flag, variable, in: section }] of Object.entries(settings)) {
    // A certificate of the file's own is a choice; the variable that every pod of a mesh has is not.
    if (name === 'workloadApi' && file.identity?.cert && flags[flag] === undefined) continue
    const given = flags[flag] ?? (environment[variable] || undefined)
    if (given === undefined) continue
    if (section === '') merged[name] = given
    else if (section === 'controller') controller[name] = name === 'joinToken' ? { file: given } : given
    else (merged[section] as Record<string, unknown>)[name] = given
  }
  if (file.controller !== undefined || Object.keys(controller).length > 0) merged['controller'] = controller
  return merged as ConfigFile
}
