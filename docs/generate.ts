/** Writes the reference pages from the lists in `wire/` and the command's own option table. `npm run docs`; a test checks that they are current. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { flags as alertsFlags } from '../cli/alerts-help.ts'
import { flags as applyFlags } from '../cli/apply-help.ts'
import { flags as checkFlags } from '../cli/check-help.ts'
import type { CommandFlags } from '../cli/command-words.ts'
import { decisions } from '../cli/decide-help.ts'
import { flagNames, flagOf, helpOf } from '../cli/flags.ts'
import { flags as getFlags } from '../cli/get-help.ts'
import { things } from '../cli/get-things.ts'
import { flags as incidentFlags } from '../cli/incident-help.ts'
import { inspectFlags } from '../cli/inspect-options.ts'
import { flags as joinTokenFlags } from '../cli/join-token-help.ts'
import { flags as loginFlags } from '../cli/login-help.ts'
import { flags as rulesFlags } from '../cli/rules-help.ts'
import { flags as watchFlags } from '../cli/watch-help.ts'
import { rulesByReason } from '../judge/spiffe/rules.ts'
import { causeTexts } from '../wire/causes.ts'
import { type Measure, pathMeasures, quantileAttribute, selfMeasures } from '../wire/metrics.ts'
import { kindTexts, optionSchemas } from '../wire/options.ts'
import { prometheusName } from '../wire/prometheus-names.ts'
import { failReasonsByLayer, unmeasuredReasonTexts, warningTexts } from '../wire/reasons.ts'
import { kinds } from '../wire/result.ts'
import { agentConfigPage } from './agent-config.ts'
import { alertRulesPage } from './alert-rules.ts'
import { controllerConfigPage } from './controller-config.ts'
import { note, table } from './page.ts'
import { pagesPage } from './pages-page.ts'

const entries = (texts: Record<string, string>): string[][] => Object.entries(texts).map(([name, text]) => [`\`${name}\``, text])

type Shown = { type?: string; enum?: readonly unknown[]; default?: unknown; minimum?: number; maximum?: number; description: string }

const describeType = (option: Shown): string => {
  const range = option.minimum === undefined ? '' : `, ${option.minimum} to ${option.maximum}`
  return `${option.enum ? option.enum.join(' or ') : option.type}${range}`
}

const checksPage = (): string =>
  [
    note,
    '# Kinds of check and their options',
    ...kinds.map(kind => {
      const options = Object.entries(optionSchemas[kind].properties as Record<string, Shown>)
      const rows = options.map(([name, o]) => [
        `\`${name}\``,
        describeType(o),
        o.default === undefined ? '' : `\`${JSON.stringify(o.default)}\``,
        o.description,
      ])
      return `## ${kind}\n${kindTexts[kind]}\n\n${table(['option', 'type', 'default', 'what'], rows)}`
    }),
  ].join('\n\n')

const reasonsPage = (): string =>
  [
    note,
    '# Reasons',
    'A run ends `ok`, as a `fail` that blames the target or the path, or `unmeasured`, which blames the prober itself and never pages as a network fault.',
    '## Failures, by layer',
    ...Object.entries(failReasonsByLayer).map(([layer, texts]) => `### ${layer}\n${table(['reason', 'what it means'], entries(texts))}`),
    `## Not measured\n${table(['reason', 'what it means'], entries(unmeasuredReasonTexts))}`,
    `## Warnings\n${table(['warning', 'what it means'], entries(warningTexts))}`,
  ].join('\n\n')

const causesPage = (): string =>
  [
    note,
    '# Causes',
    'What a diagnosis can say, from the lowest layer up. The lowest failing layer decides; a cause that explains a failure higher up absorbs it.',
    table(
      ['cause', 'layer', 'what it means'],
      Object.entries(causeTexts).map(([cause, [layer, text]]) => [`\`${cause}\``, layer, text]),
    ),
  ].join('\n\n')

const commandPage = (): string =>
  [
    note,
    '# probe run',
    '`probe run <target>… [options]`',
    'A target is `host[:port]` for the whole ladder (dns, icmp, mtu, tcp, tls, and mtls when an identity or an expectation is given), or a URL whose scheme is the kind: `dns://name`, `icmp://host`, `mtu://host[:port]`, `tcp://host:port`, `udp://host[:port]`, `trace://host[:port]`, `tls://host[:port]`, `mtls://host[:port]`, `bundle+https://host[:port]/path`, `https://host[:port]/path`, `http://host[:port]/path`. IPv6 addresses go in brackets.',
    '`--output json` prints one document: an object for one target, an array of them for several.',
    table(
      ['option', 'value', 'what'],
      flagNames.map(name => [`\`--${name}\``, flagOf(name).value && `\`${flagOf(name).value}\``, helpOf(name)]),
    ),
    '## Exit codes',
    table(
      ['code', 'when'],
      [
        ['0', 'nothing failed; warnings are allowed'],
        ['1', 'something failed'],
        ['2', 'bad usage or configuration; nothing was sent'],
        ['3', "nothing failed, but a step that was asked for by name, or the target's own port, could not be measured"],
        ['130, 143', 'stopped by Ctrl-C or SIGTERM; what was known is printed'],
      ],
    ),
  ].join('\n\n')

const metricForms = { sum: 'sum, delta', gauge: 'gauge', times: 'exponential histogram, delta' } as const

const metricsTable = (measures: Record<string, Measure>): string =>
  table(
    ['metric', 'unit', 'form', 'attributes', 'on `/metrics`', 'what'],
    Object.values(measures).flatMap(measure => {
      const attributes = measure.by.map(name => `\`${name}\``).join(', ')
      const page = `\`${prometheusName(measure)}\`${measure.page === 'details' ? ', with details only' : ''}`
      const row = [`\`${measure.name}\``, measure.unit, metricForms[measure.form], attributes, page, measure.help]
      if (measure.quantileGauge === undefined) return [row]
      const of = 'The same, of one window: 0.5, 0.95 and 0.99'
      return [row, [`\`${measure.quantileGauge}\``, measure.unit, 'gauge', `\`${quantileAttribute}\``, 'quantiles of the summary', of]]
    }),
  )

const metricsPage = (): string =>
  [
    note,
    '# Metrics of an agent',
    "Sent over OTLP every ten seconds, with the resource of the agent (`service.*`, `cloud.*`, `k8s.*`, `host.name`, and what is in `OTEL_RESOURCE_ATTRIBUTES`). On `/metrics` durations are summaries, and labels are the attributes' bare words: `source_cloud`, `outcome`, `error_type`.",
    '## Of a path',
    'Each has `causeway.check`, `causeway.kind`, `causeway.target`, `server.address`, `server.port`, `network.type`, `causeway.source.cloud`, `causeway.source.region`, `causeway.destination.cloud` and `causeway.destination.region`, as far as they are known.',
    metricsTable(pathMeasures),
    '## Of the agent itself',
    metricsTable(selfMeasures),
  ].join('\n\n')

const watchPage = (): string =>
  [
    note,
    '# probe watch',
    '`probe watch <target> [options]`',
    'Probes one path without a pause and says to the millisecond when it was down, which way, and what was different afterwards: round trip, TTL, MTU, route. A target is `host` (echoes), `host:port` (TCP connects), or `icmp://host`, `tcp://host:port`, `udp://host[:port]`; udp asks the responder of an agent, whose count tells the direction. [A drill](../failover-drill.md) shows what it looks like.',
    table(
      ['option', 'value', 'what'],
      Object.entries(watchFlags).map(([name, { value, help }]) => [`\`--${name}\``, value && `\`${value}\``, help]),
    ),
    '## What is an outage',
    "At least two probes in a row without an answer, over at least 20 ms. It lasts from the sending of the first that was lost to the sending of the first that was answered again, by the monotonic clock: off by less than one interval at each end. A probe is lost when it has no answer within `--timeout`. Time in which this machine did not run is told apart, and is nobody else's outage.",
    '## Output',
    '`--output ndjson` prints a line per event, with `schema` `causeway.watch-event/1` and `type` `begin`, `second`, `outage_began`, `outage_ended`, `outage_settled` (what follows it is known), `step` or `blind`, and at the end the document; `--output json` only the document, `causeway.watch/1`. Times are milliseconds since `startedAt`.',
    '## Exit codes',
    table(
      ['code', 'when'],
      [
        ['0', 'no outage was longer than the objective, and the path is there at the end; so after Ctrl-C'],
        ['1', 'an outage was longer, the path is down at the end, or nothing ever answered'],
        ['2', 'bad usage'],
        ['3', 'it could not be measured from here'],
      ],
    ),
  ].join('\n\n')

const inspectPage = (): string =>
  [
    note,
    '# probe inspect',
    '`probe inspect <file|-> [options]`',
    "Judges offline, with the probes' own code: an X509-SVID or another certificate (PEM or DER, the chain leaf first, with or without its key), a trust bundle (JWK set or PEM), a JWT-SVID or another token. What the file holds is told from its content. A private key or a token is never printed.",
    table(
      ['option', 'value', 'what'],
      Object.entries(inspectFlags).map(([name, { value, help }]) => [`\`--${name}\``, `\`${value}\``, help]),
    ),
    '## Rules',
    'All that are broken are reported: each violation has the reason that a probe would fail with as its `code`, and the rule that was broken.',
    table(
      ['reason', 'rules'],
      Object.entries(rulesByReason).map(([reason, rules]) => [`\`${reason}\``, rules.map(rule => `\`${rule}\``).join(' ')]),
    ),
    '## Exit codes',
    table(
      ['code', 'when'],
      [
        ['0', 'no rule is broken; warnings are allowed'],
        ['1', 'a rule is broken'],
        ['2', 'unreadable, or bad usage'],
      ],
    ),
  ].join('\n\n')

const flagTable = (flags: CommandFlags): string =>
  table(
    ['option', 'value', 'what'],
    Object.entries(flags).map(([name, { value, help }]) => [`\`--${name}\``, value && `\`${value}\``, help]),
  )

const controllerCommandsPage = (): string =>
  [
    note,
    '# Commands that ask a controller',
    'Where the controller is: `--controller`, else `CAUSEWAY_CONTROLLER`, else where `probe login` was last, else that of a simulation that runs here (`probe sim`). The token: `CAUSEWAY_TOKEN`, else what is in the file `CAUSEWAY_TOKEN_FILE`, else the one that was kept for this controller. How they are used together: [the controller](../controller.md).',
    `## probe login\n\`probe login --controller <url> [--ca <file>]\`\n\n${flagTable(loginFlags)}`,
    `## probe join-token\n\`probe join-token --cloud <name> --region <name> [options]\`\n\n${flagTable(joinTokenFlags)}`,
    `## probe apply\n\`probe apply -f <fleet.yaml> [--yes] [options]\`\n\n${flagTable(applyFlags)}`,
    `## probe rules\n\`probe rules export [--format prometheus] [-f <fleet.yaml>]\`: asks no controller\n\n${flagTable(rulesFlags)}`,
    `## probe get\n\`probe get <thing> [filters] [options]\``,
    table(
      ['thing', 'what'],
      [
        ...Object.entries(things).map(([name, { help }]) => [`\`${name}\``, help]),
        ['`run <id>`', 'what came of a run that was asked for'],
        ['`events`', 'what changes, as it changes, until it is stopped'],
        ['`schema`', 'the JSON Schema of the fleet file, for editors; asks no controller'],
      ],
    ),
    flagTable(getFlags),
    `## probe check\n\`probe check --from <place> --to <place> [--both-ways] [options]\`\n\n${flagTable(checkFlags)}`,
    `## probe alerts\n\`probe alerts test --receiver <name> [options]\`\n\n${flagTable(alertsFlags)}`,
    `## probe incident\n\`probe incident <id> [ack]\`\n\n${flagTable(incidentFlags)}`,
    ...Object.entries(decisions).map(
      ([name, { add, help }]) =>
        `## probe ${name}\n\`probe ${name} ${add} ${'for' in help.flags ? '--for <duration> ' : ''}--reason <text> [what]\`, \`probe ${name} end <id>\`\n\n${flagTable(help.flags)}`,
    ),
    '## Exit codes',
    table(
      ['code', 'when'],
      [
        ['0', 'done; of `check`: nothing failed, warnings are allowed'],
        ['1', 'of `check`: something failed; of `apply`: the fleet has changed since it was looked at; of `alerts test`: not taken'],
        ['2', 'bad usage, a file that was refused, no token, or one whose role does not allow it'],
        ['3', 'the controller could not be asked; of `check`: something was not measured'],
      ],
    ),
  ].join('\n\n')

/** Every generated page, by its path below `docs/`. */
export const pages = (): Record<string, string> => ({
  'reference/checks.md': `${checksPage()}\n`,
  'reference/reasons.md': `${reasonsPage()}\n`,
  'reference/causes.md': `${causesPage()}\n`,
  'reference/metrics.md': `${metricsPage()}\n`,
  'reference/probe-run.md': `${commandPage()}\n`,
  'reference/probe-watch.md': `${watchPage()}\n`,
  'reference/probe-inspect.md': `${inspectPage()}\n`,
  'reference/controller-commands.md': `${controllerCommandsPage()}\n`,
  'reference/alert-rules.md': `${alertRulesPage()}\n`,
  'reference/agent-config.md': `${agentConfigPage()}\n`,
  'pages.md': `${pagesPage()}\n`,
  'reference/controller-config.md': `${controllerConfigPage()}\n`,
})

if (import.meta.main) for (const [path, text] of Object.entries(pages())) writeFileSync(fileURLToPath(new URL(path, import.meta.url)), text)
