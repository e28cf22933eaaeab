/** Prometheus and Alertmanager of the profile "monitoring", which scrape, fire and receive: Debian's programs on the configuration as it is. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { cloudNames } from '../../deploy/sim/clouds/clouds.ts'
import { containerLayout } from '../../deploy/sim/clouds/containers.ts'
import { collect } from '../../deploy/sim/site-process.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { needsTool } from '../lab/needs-tool.ts'
import { startProgram } from '../lab/run-program.ts'

/** One agent is away. */
const away = containerLayout.agents['gcp-2']!
const addresses = [
  ...Object.values(containerLayout.agents).filter(one => one !== away),
  containerLayout.controller,
  '10.94.0.20',
  '10.94.0.21',
]

/** A root of its own that is this machine's, with $1 as /sim beside it. All ends with the first process. */
const stage = `
ip link set lo up || exit 99
for address in ${addresses.join(' ')}; do ip addr add "$address/32" dev lo || exit 99; done
root=$1/root sim=$1
mkdir "$root" && mount -t tmpfs none "$root" && mkdir "$root/sim" && mount --bind "$sim" "$root/sim" || exit 99
for entry in /*; do
  if [ -L "$entry" ]; then cp -P "$entry" "$root/"
  elif [ -d "$entry" ] && [ "$entry" != /sim ] && [ "$entry" != /proc ]; then mkdir "$root$entry" && mount --rbind "$entry" "$root$entry" || exit 99
  fi
done
mkdir "$root/proc" && mount -t proc proc "$root/proc" || exit 99
shift
exec chroot "$root" "$@"`
const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
const inNamespaces = ['unshare', ...asRoot, '--net', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', stage, 'sh']

const skip = (await needsNamespaces()) || needsTool('prometheus') || needsTool('prometheus-alertmanager')
const timeoutMs = 1_200_000
t.setTimeout(timeoutMs)

type Alert = { labels: Record<string, string>; annotations: Record<string, string> }
type Seen = { up: string[]; live: string; fails: Alert[]; down: Alert[] }

t.test('every target is scraped, an alert of each kind fires, and Alertmanager has it', { skip, timeout: timeoutMs }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'monitoring-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'data'))
  const program = fileURLToPath(new URL('./programs/monitoring.ts', import.meta.url))
  const child = startProgram([process.execPath, program, folder], {}, [...inNamespaces, folder])
  t.teardown(() => void child.kill('SIGKILL'))
  const { status, stdout, stderr } = await collect(child, undefined, timeoutMs)
  const logs = (): string =>
    ['controller', 'agent', 'prometheus', 'alertmanager']
      .map(name => `${name}: ${readFileSync(join(folder, `${name}.log`), 'utf8').slice(-1500)}`)
      .join('\n')
  if (!t.equal(status, 0, status === 0 ? '' : `${stderr}\n${logs()}`)) return
  const seen = Object.assign(
    {},
    ...stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Partial<Seen>),
  ) as Seen
  t.equal(seen.up.filter(one => one.startsWith('causeway-agents ')).length, 2 * cloudNames.length - 1)
  t.ok(seen.up.includes(`causeway-controller ${containerLayout.controller}:8443`))
  t.equal(seen.live, '1')
  const [fails] = seen.fails
  t.match(fails?.annotations['summary'], /^[a-z-]+ fails from aws\/us-east-1 to [a-z]+\/[a-z0-9-]+$/, 'it names both places')
  t.equal(fails?.labels['severity'], 'ticket')
  t.strictSame(
    seen.down.map(({ annotations }) => annotations['summary']),
    [`the agent at ${away}:9464 shows no page`],
  )
})
