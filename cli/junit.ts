/** JUnit XML, for pipelines: a suite per target, a case per step. */
import type { AnyResult, RunDocument } from '../wire/result.ts'
import { formatTarget } from '../wire/target.ts'
import { stepText } from './step-text.ts'

// What XML 1.0 §2.2 does not allow, not even escaped.
const forbidden = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Text for an attribute or an element. */
export const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    .replace(forbidden, one => `\\x${one.codePointAt(0)!.toString(16).padStart(2, '0')}`)
    .replace(/[&<>"'\n\r\t]/g, one => entities[one]!)

const attributes = (values: Record<string, string | number>) =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('')

const seconds = (results: AnyResult[]) => (results.reduce((sum, { phasesMs }) => sum + (phasesMs.total ?? 0), 0) / 1000).toFixed(3)

const caseXml = (result: AnyResult, target: string): string => {
  const { outcome, warnings } = result
  const open = `    <testcase${attributes({ name: result.kind, classname: target, time: seconds([result]) })}`
  const told = [...stepText(result), ...warnings.map(({ code, detail }) => `${code}: ${detail}`)].join('\n')
  const inner =
    outcome.kind === 'fail'
      ? `<failure${attributes({ type: outcome.reason, message: outcome.detail })}/>`
      : outcome.kind === 'unmeasured'
        ? `<skipped${attributes({ message: `${outcome.reason}: ${outcome.detail}` })}/>`
        : ''
  return [`${open}>`, ...(inner ? [`      ${inner}`] : []), `      <system-out>${escapeXml(told)}</system-out>`, '    </testcase>'].join(
    '\n',
  )
}

const suiteXml = ({ target, results, diagnosis, startedAt }: RunDocument, name = formatTarget(target)): string => {
  const count = (kind: AnyResult['outcome']['kind']) => results.filter(({ outcome }) => outcome.kind === kind).length
  const numbers = { tests: results.length, failures: count('fail'), errors: 0, skipped: count('unmeasured'), time: seconds(results) }
  const causes = diagnosis.map(one => `${one.cause} (${one.confidence}): ${one.summary}`).join('\n')
  return [
    `  <testsuite${attributes({ name, ...numbers, timestamp: startedAt })}>`,
    ...results.map(result => caseXml(result, name)),
    ...(causes ? [`    <system-out>${escapeXml(causes)}</system-out>`] : []),
    '  </testsuite>',
  ].join('\n')
}

/** `names` are what the suites are called instead of their targets. */
export const junitText = (documents: RunDocument[], command = 'probe run', names: readonly string[] = []): string =>
  [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: command })}>`,
    ...documents.map((document, index) => suiteXml(document, names[index])),
    '</testsuites>',
    '',
  ].join('\n')
