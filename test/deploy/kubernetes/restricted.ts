/**
 * The Pod Security Standard *restricted*, with all of *baseline* (https://kubernetes.io/docs/concepts/security/pod-security-standards/). Pure: what is wrong
 * with a pod, each with its place. What is absent counts as its default.
 */
export type Thing = { readonly [key: string]: unknown }

const obj = (value: unknown): Thing => (typeof value === 'object' && value !== null ? (value as Thing) : {})
const list = (value: unknown): Thing[] => (Array.isArray(value) ? value.map(obj) : [])

/** Volumes that restricted allows. */
const volumeTypes = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret']
const safeSysctls = [
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies'],
  ...['net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout'],
  ...['net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
]
const seccompTypes = ['RuntimeDefault', 'Localhost']
const selinuxTypes = [undefined, '', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']

export const restrictedProblems = (podSpec: unknown): string[] => {
  const spec = obj(podSpec)
  const containers = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap(kind =>
    list(spec[kind]).map(container => ({ place: `${kind} ${String(container['name'])}`, container })),
  )
  return [
    ...['hostNetwork', 'hostPID', 'hostIPC'].flatMap(name => (spec[name] ? [`${name} is ${String(spec[name])}`] : [])),
    ...volumeProblems(spec),
    ...podProblems(obj(spec['securityContext'])),
    ...containers.flatMap(({ place, container }) =>
      containerProblems(container, obj(spec['securityContext'])).map(problem => `${place}: ${problem}`),
    ),
  ]
}

const volumeProblems = (spec: Thing): string[] =>
  list(spec['volumes']).flatMap(volume =>
    Object.keys(volume)
      .filter(key => key !== 'name' && !volumeTypes.includes(key))
      .map(type => `volume ${String(volume['name'])} is a ${type}`),
  )

const podProblems = (context: Thing): string[] => [
  ...list(context['sysctls']).flatMap(({ name }) =>
    safeSysctls.includes(String(name)) ? [] : [`the sysctl ${String(name)} is not a safe one`],
  ),
  ...userProblems(context),
  ...commonProblems(context),
]

/** Of a pod or a container. */
const commonProblems = (context: Thing): string[] => {
  const [seccomp, apparmor, selinux] = [obj(context['seccompProfile']), obj(context['appArmorProfile']), obj(context['seLinuxOptions'])]
  return [
    ...(seccomp['type'] !== undefined && !seccompTypes.includes(String(seccomp['type']))
      ? [`seccompProfile is ${String(seccomp['type'])}`]
      : []),
    ...(apparmor['type'] === 'Unconfined' ? ['appArmorProfile is Unconfined'] : []),
    ...(selinux['user'] || selinux['role'] || !selinuxTypes.includes(selinux['type'] as string) ? ['seLinuxOptions are set'] : []),
    ...(obj(context['windowsOptions'])['hostProcess'] ? ['hostProcess'] : []),
  ]
}

const userProblems = (context: Thing): string[] => [
  ...(context['runAsUser'] === 0 ? ['runAsUser is 0'] : []),
  ...(context['runAsNonRoot'] === false ? ['runAsNonRoot is false'] : []),
]

const containerProblems = (container: Thing, pod: Thing): string[] => {
  const context = obj(container['securityContext'])
  const capabilities = obj(context['capabilities'])
  const added = (Array.isArray(capabilities['add']) ? capabilities['add'] : []).filter(one => one !== 'NET_BIND_SERVICE')
  const dropped = Array.isArray(capabilities['drop']) ? capabilities['drop'] : []
  const isNonRoot = context['runAsNonRoot'] ?? pod['runAsNonRoot']
  const seccomp = obj(context['seccompProfile'] ?? pod['seccompProfile'])
  return [
    ...(context['privileged'] ? ['privileged'] : []),
    ...(context['allowPrivilegeEscalation'] === false ? [] : ['allowPrivilegeEscalation is not false']),
    ...(dropped.includes('ALL') ? [] : ['does not drop ALL capabilities']),
    ...(added.length > 0 ? [`adds the capability ${added.join(', ')}`] : []),
    ...(isNonRoot === true ? [] : ['runAsNonRoot is not true']),
    ...(seccomp['type'] === undefined ? ['has no seccompProfile'] : []),
    ...((context['procMount'] ?? 'Default') === 'Default' ? [] : [`procMount is ${String(context['procMount'])}`]),
    ...list(container['ports']).flatMap(({ hostPort }) => (hostPort ? [`hostPort ${String(hostPort)}`] : [])),
    ...probeHosts(container).map(host => `a probe or hook names the host ${host}`),
    ...userProblems(context),
    ...commonProblems(context),
  ]
}

/** Since 1.34 baseline refuses `host` in probes and lifecycle hooks: the kubelet would ask others. */
const probeHosts = (container: Thing): string[] => {
  const { postStart, preStop } = obj(container['lifecycle']) as { postStart?: unknown; preStop?: unknown }
  const actions = [container['livenessProbe'], container['readinessProbe'], container['startupProbe'], postStart, preStop].map(obj)
  return actions.flatMap(action => [obj(action['httpGet'])['host'], obj(action['tcpSocket'])['host']].filter(Boolean).map(String))
}
