import { readFileSync } from 'node:fs'
import t from 'tap'
import { causes, causeTexts, layerOfCause, layers } from '../../wire/causes.ts'
import {
  failReasons,
  failReasonsByLayer,
  layerOfReason,
  unmeasuredReasons,
  unmeasuredReasonTexts,
  warningTexts,
} from '../../wire/reasons.ts'

const page = (name: string): string => readFileSync(new URL(`../../docs/reference/${name}.md`, import.meta.url), 'utf8')
const name = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/

t.test('a reason is in one place only, and a failure is never a fault of ours', async t => {
  const listed = Object.values(failReasonsByLayer).flatMap(reasons => Object.keys(reasons))
  t.equal(new Set(listed).size, listed.length)
  t.same(new Set(failReasons), new Set(listed))
  t.same(new Set(unmeasuredReasons), new Set(Object.keys(unmeasuredReasonTexts)))
  for (const reason of unmeasuredReasons) t.notOk(listed.includes(reason), `${reason} is both`)
})

t.test('every failure has its layer', async t => {
  for (const [layer, reasons] of Object.entries(failReasonsByLayer))
    for (const reason of Object.keys(reasons)) t.equal(layerOfReason(reason as never), layer, reason)
})

t.test('names are names: they become labels of metrics', async t => {
  for (const one of [...failReasons, ...unmeasuredReasons, ...causes, ...Object.keys(warningTexts)]) t.match(one, name)
})

t.test('every reason, every warning and every cause says what it means, and is on its page', async t => {
  const reasons = page('reasons')
  const texts = { ...Object.assign({}, ...Object.values(failReasonsByLayer)), ...unmeasuredReasonTexts, ...warningTexts } as Record<
    string,
    string
  >
  for (const [reason, text] of Object.entries(texts)) {
    t.match(text, /^[a-zA-Z].{8,}[^.]$/, reason)
    t.ok(reasons.includes(`\`${reason}\``) && reasons.includes(text), `${reason} is documented`)
  }
  const causesPage = page('causes')
  for (const [cause, [, text]] of Object.entries(causeTexts)) {
    t.match(text, /^[a-zA-Z].{8,}[^.]$/, cause)
    t.ok(causesPage.includes(`\`${cause}\``) && causesPage.includes(text), `${cause} is documented`)
  }
})

t.test('every cause is of a layer, and every layer has a cause', async t => {
  t.equal(new Set(causes).size, causes.length)
  for (const cause of causes) t.ok(layers.includes(layerOfCause(cause)), cause)
  t.ok(new Set(causes.map(layerOfCause)).size >= layers.length - 1, 'http has none yet')
})
