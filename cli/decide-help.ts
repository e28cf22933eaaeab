/** What `probe silence`, `maintenance`, `change` and `baseline --help` show. */
import { type CommandFlags, type CommandHelp, controllerFlags, helpFrom } from './command-words.ts'

/** What it is about: everything that is given has to fit. */
export const matchFlags: CommandFlags = {
  place: { value: 'place', help: 'a cloud, region or zone at either end: aws, aws/us-east-1' },
  from: { value: 'place', help: 'where paths begin' },
  to: { value: 'place', help: 'where paths end' },
  agent: { value: 'id', help: 'an agent, as prober or as target' },
  check: { value: 'name', help: 'a check' },
  target: { value: 'name', help: 'a target' },
  rule: { value: 'name', help: 'a rule, such as default/latency' },
  cause: { value: 'cause', help: 'a cause, such as packet_loss' },
  severity: { value: 'page|ticket', help: 'only those' },
  incident: { value: 'id', help: 'one incident, by its id or its key' },
}
const reason: CommandFlags = { reason: { value: 'text', help: 'shown to everyone who wonders why' } }
const start: CommandFlags = { start: { value: 'time', help: 'RFC 3339; default: now' } }
const ending: CommandFlags = {
  for: { value: 'duration', help: 'how long: 30m, 2h, 3d' },
  end: { value: 'time', help: 'until when, RFC 3339, instead of --for' },
}
const output: CommandFlags = { output: { value: 'format', help: 'human, json [human]' }, ...controllerFlags }

const exits = 'Exit codes: 0 done, 2 refused or bad usage, 3 the controller could not be asked.'
const ends = (name: string, what: string): CommandHelp =>
  helpFrom([`$0 ${name} add --for <duration> --reason <text> [what]`, `$0 ${name} end <id>`, '', what, exits], {
    ...matchFlags,
    ...reason,
    ...ending,
    ...start,
    ...output,
  })

/** `add`: the word that makes one; `end`: whether one can be ended. */
export const decisions = {
  silence: {
    path: 'silences',
    add: 'add',
    help: ends('silence', 'Nobody is told of the incidents that it fits, until it ends. They are shown all the same.'),
  },
  maintenance: {
    path: 'maintenance',
    add: 'add',
    help: ends('maintenance', 'Nothing that it fits is judged until it ends: planned work is no incident.'),
  },
  change: {
    path: 'changes',
    add: 'add',
    help: helpFrom(
      [
        '$0 change add --reason <text> [what]',
        '$0 change end <id>',
        '',
        'Notes what was changed: a page that follows within a day says so.',
        exits,
      ],
      { ...matchFlags, ...reason, ...start, ...output },
    ),
  },
  baseline: {
    path: 'changes',
    add: 'accept',
    help: helpFrom(
      [
        '$0 baseline accept --reason <text> [what]',
        '$0 baseline end <id>',
        '',
        'What is measured from now on is usual: times, and what a path carries. What fires because of it ends.',
        exits,
      ],
      { ...matchFlags, ...reason, ...start, ...output },
    ),
  },
} as const
export type DecisionName = keyof typeof decisions
