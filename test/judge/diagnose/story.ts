import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import type { Cause, Confidence, PathDirection } from '../../../wire/causes.ts'
import type { AnyResult } from '../../../wire/result.ts'
import { startedAt } from './seen.ts'

/** What was seen and what must be said of it. */
export type Story = {
  name: string
  results: AnyResult[]
  /** In this order. */
  says: [Cause, Confidence, PathDirection?][]
  /** Words that the summary of the first diagnosis has. */
  summary?: RegExp
}

/** One test per story. */
export const tell = (stories: readonly Story[]): void => {
  for (const { name, results, says, summary } of stories)
    t.test(name, async t => {
      const diagnoses = diagnose(results, { startedAt })
      t.strictSame(
        diagnoses.map(({ cause, confidence, direction }) =>
          direction === undefined ? [cause, confidence] : [cause, confidence, direction],
        ),
        says,
      )
      if (summary !== undefined) t.match(diagnoses[0]?.summary, summary)
    })
}
