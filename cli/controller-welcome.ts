/** What a controller says when it starts: where it is, and what to do next. The one time that the first admin's token is shown. */
import type { Controller } from '../controller/controller.ts'

type Shown = { version: string; isTerminal: boolean; tokenFile?: string }

export const welcome = ({ url, store, bootstrap, caFile }: Controller, { version, isTerminal, tokenFile }: Shown): string => {
  const bold = (text: string): string => (isTerminal ? `\u001b[1m${text}\u001b[0m` : text)
  const trust = caFile === undefined ? '' : ` --ca ${caFile}`
  const lines = [
    bold(`Causeway controller ${version}`),
    `  API          ${url}  (${url}/docs describes it)`,
    `  store        ${store}`,
    ...(bootstrap && tokenFile !== undefined ? [`  admin token  in ${tokenFile}`] : []),
    ...(bootstrap && tokenFile === undefined
      ? [`  admin token  ${bootstrap.reveal()}`, '               shown this once: probe login keeps it for the commands below']
      : []),
    '',
    bold('Next'),
    `  probe login --controller ${url}${trust}`,
    '  probe join-token --cloud aws --region us-east-1        one token for each agent',
    `  CAUSEWAY_JOIN_TOKEN=cwj_… probe agent --controller ${url}`,
    '  probe get agents                                       probe get links shows what they measure',
    '',
  ]
  return `${lines.join('\n')}\n`
}
