/** The page of the rules that ship on, from the table that the evaluation itself reads. */
import { ruleTable } from '../controller/alert/default-rules.ts'
import { defaultRules } from '../wire/fleet-alerts.ts'
import { note, table } from './page.ts'

export const alertRulesPage = (): string =>
  [
    note,
    '# Alert rules that ship on',
    'A rule of the same name in the fleet file changes one (`for`, `keepFiringFor`, `severity`, `on`); `enabled: false` turns it off. A window is what agents send every ten seconds; ratios are judged when enough was counted. A window in which nothing is known neither fires nor resolves anything. What comes and goes more than four times in half an hour is told once and held.',
    table(
      ['rule', 'what', 'judged', 'severity', 'for', 'goes on for', 'bad windows', 'good ones end it', 'runbook'],
      Object.entries(ruleTable).map(([name, { scope, severity, for: after, keepFiringFor, bad, of, good, runbook }]) => [
        `\`${name}\``,
        defaultRules[name as keyof typeof defaultRules],
        `each ${scope}`,
        severity,
        after,
        keepFiringFor,
        `${bad} of ${of}`,
        String(good),
        `\`${runbook}\``,
      ]),
    ),
    '## Why',
    ...Object.entries(ruleTable).map(([name, { why }]) => `**\`${name}\`** ${why}`),
    '## What is no rule and told all the same',
    table(
      ['what', 'when', 'severity'],
      [
        [
          '`controller_isolated`',
          'half of the agents elsewhere fall silent within 30 s, and agents here see no fault of the link that says the same',
          'page',
        ],
        ['`identity_plane_down`', 'half of the agents of a cluster that need an SVID have none', 'page'],
      ],
    ),
    'Severity is that of the worst path that an incident explains. An end that is near pages from the last of its three steps on; one agent that is lost is a ticket, half of a region pages; what no place explains is a ticket whatever its rule says.',
  ].join('\n\n')
