import t from 'tap'
import { restrictedProblems } from './restricted.ts'

const sound = () => ({
  securityContext: {
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    sysctls: [{ name: 'net.ipv4.ping_group_range', value: '0 1' }],
  },
  containers: [{ name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  volumes: [{ name: 'v', emptyDir: {} }],
})
type Pod = ReturnType<typeof sound>
const container = (pod: Pod, more: object) => Object.assign(pod.containers[0]!, more)
const context = (pod: Pod, more: object) => Object.assign(pod.containers[0]!.securityContext, more)

/** One thing wrong with each. */
const cases: Record<string, [(pod: Pod) => unknown, RegExp]> = {
  'a capability': [pod => context(pod, { capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }), /adds the capability NET_RAW/],
  'capabilities that are not dropped': [pod => context(pod, { capabilities: {} }), /does not drop ALL/],
  'a hostPath': [pod => Object.assign(pod.volumes[0]!, { emptyDir: undefined, hostPath: { path: '/' } }), /volume v is a hostPath/],
  'root by number': [pod => Object.assign(pod.securityContext, { runAsUser: 0 }), /runAsUser is 0/],
  'root of a container': [pod => context(pod, { runAsNonRoot: false }), /runAsNonRoot is not true/],
  'nothing said of root': [pod => Object.assign(pod.securityContext, { runAsNonRoot: undefined }), /runAsNonRoot is not true/],
  'the host’s network': [pod => Object.assign(pod, { hostNetwork: true }), /hostNetwork/],
  'a host port': [pod => container(pod, { ports: [{ containerPort: 1, hostPort: 1 }] }), /hostPort 1/],
  privileged: [pod => context(pod, { privileged: true }), /privileged/],
  escalation: [pod => context(pod, { allowPrivilegeEscalation: undefined }), /allowPrivilegeEscalation/],
  'no seccomp': [pod => Object.assign(pod.securityContext, { seccompProfile: undefined }), /no seccompProfile/],
  'seccomp that is off': [pod => context(pod, { seccompProfile: { type: 'Unconfined' } }), /seccompProfile is Unconfined/],
  'an unsafe sysctl': [
    pod => Object.assign(pod.securityContext, { sysctls: [{ name: 'kernel.msgmax' }] }),
    /kernel.msgmax is not a safe one/,
  ],
  'an init container': [pod => Object.assign(pod, { initContainers: [{ name: 'i' }] }), /initContainers i: does not drop ALL/],
  'a probe of another host': [pod => container(pod, { livenessProbe: { httpGet: { host: '169.254.169.254' } } }), /names the host/],
  'SELinux options': [pod => context(pod, { seLinuxOptions: { type: 'spc_t' } }), /seLinuxOptions/],
}

t.test('a sound pod has no problem', async t => t.strictSame(restrictedProblems(sound()), []))

t.test('whatever creeps in is found', async t => {
  for (const [name, [spoil, wanted]] of Object.entries(cases)) {
    const pod = sound()
    spoil(pod)
    t.match(restrictedProblems(JSON.parse(JSON.stringify(pod))).join('; '), wanted, name)
  }
})
