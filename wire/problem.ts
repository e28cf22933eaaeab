/** What is wrong with a document, where, and what to write instead. As in the `problems` of an error answer (RFC 9457). */
export type Problem = { path: string; line?: number; message: string }

/** The way to a place in a document: keys and positions. */
export type Steps = readonly (string | number)[]

/** `checks[3].options.count`; keys that are no plain words are quoted. */
export const printSteps = (steps: Steps): string =>
  steps
    .map(step => (typeof step === 'number' ? `[${step}]` : /^[\w-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`))
    .join('')
    .replace(/^\./, '')
